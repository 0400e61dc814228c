"""Which test is the reference of which method: an independent computation of its equation.

`references/…_by_hand.py` follow a run in float64, step by step. The others are references of parts
that no run shows as well: estimators, closed forms, choices.
"""

import ast
from pathlib import Path

import pytest

from holdfast.methods import METHODS

TESTS = Path(__file__).parents[2]
PENALTIES = "methods/references/test_regularisation_by_hand.py"
REPLAY = "methods/references/test_replay_by_hand.py"
CORRECTIONS = "methods/references/test_corrections_by_hand.py"
OPTIMISATION = "methods/references/test_optimisation_by_hand.py"
PRETRAINED = "methods/references/test_pretrained_by_hand.py"
STRUCTURE = "methods/references/test_structure_by_hand.py"
RESTART = f"{REPLAY}::test_baselines_that_restart_descend_from_the_first_weights"
GO_ON = f"{REPLAY}::test_baselines_that_go_on_are_plain_descent"
ALL_DATA = f"{REPLAY}::test_joint_and_cumulative_draw_from_all_tasks_so_far"
FISHER = "engine/test_fisher.py"
CLASSICAL = "methods/test_classical.py"
FAMILY = "methods/test_replay_family.py"
WEIGHTS = "methods/test_weight_averages.py"
MIX = "methods/test_mix.py"
NETWORKS = "methods/test_architectures.py"

REFERENCES = {
    "AGEM": [
        f"{OPTIMISATION}::test_agem_takes_off_what_goes_against_the_reference",
        "methods/test_methods.py::test_agem_never_moves_against_the_reference",
    ],
    "BiC": [
        f"{CORRECTIONS}::test_bic_fits_its_correction_to_the_rows_that_it_held_out",
        f"{FAMILY}::test_the_correction_of_bic_is_the_minimum",
    ],
    "Cumulative": [GO_ON, ALL_DATA],
    "DER": [
        f"{REPLAY}::test_der_pulls_stored_rows_to_the_logits_they_gave",
        f"{CLASSICAL}::test_der_compares_only_outputs_that_existed",
    ],
    "DERpp": [f"{REPLAY}::test_der_plus_plus_adds_the_labels_of_stored_rows"],
    "EMA": [
        f"{PRETRAINED}::test_ema_is_the_geometric_mean_of_the_weights_after_each_step",
        f"{WEIGHTS}::test_the_average_under_a_constant_gradient_has_the_closed_form",
    ],
    "ER": [
        f"{REPLAY}::test_er_is_descent_on_the_mean_over_new_and_stored_rows",
        f"{REPLAY}::test_er_weighs_new_rows_by_one_over_the_number_of_tasks",
        "engine/test_memory.py::test_the_reservoir_keeps_every_example_with_the_same_chance",
    ],
    "ERACE": [
        f"{REPLAY}::test_er_ace_lets_new_rows_compete_with_no_old_class_that_is_absent",
        f"{FAMILY}::test_er_ace_keeps_classes_never_seen_in_play",
    ],
    "EWC": [
        f"{PENALTIES}::test_ewc_adds_one_spring_for_each_task",
        f"{FISHER}::test_it_equals_the_definition",
        f"{FISHER}::test_softmax_regression_has_the_closed_form",
    ],
    "FineTune": [GO_ON],
    "Freeze": [
        f"{PRETRAINED}::test_freeze_leaves_out_the_steps_of_frozen_weights",
        "methods/test_freeze.py::test_freezing_equals_freezing_by_hand",
    ],
    "FromScratch": [RESTART],
    "GDumb": [RESTART, f"{FAMILY}::test_gdumb_trains_anew_on_a_balanced_memory"],
    "GEM": [
        f"{OPTIMISATION}::test_gem_solves_the_dual_of_its_quadratic_programme",
        f"{CLASSICAL}::test_gem_solves_its_quadratic_programme",
    ],
    "GPM": [
        f"{OPTIMISATION}::test_gpm_leaves_the_input_subspace_of_each_layer",
        "methods/test_projections.py::test_the_basis_of_gpm_holds_the_share_that_was_asked_for",
    ],
    "GSS": [
        f"{REPLAY}::test_the_score_of_gss_is_one_plus_the_largest_cosine_with_stored_gradients",
        f"{FAMILY}::test_products_of_gradients_are_those_of_the_gradients",
    ],
    "GenerativeReplay": [
        f"{REPLAY}::test_generated_rows_weigh_one_minus_one_over_t_under_the_old_networks_labels",
        f"{FAMILY}::test_the_loss_of_the_vae_is_the_negative_elbo_per_pixel",
    ],
    "HAT": [
        f"{STRUCTURE}::test_hat_learns_attention_under_the_papers_gradient_and_masks",
        f"{NETWORKS}::test_the_attention_of_hat_has_its_gradient_undone",
    ],
    "Interpolate": [
        f"{PRETRAINED}::test_interpolate_goes_a_part_of_the_way_of_each_task",
        f"{PRETRAINED}::test_interpolate_keeps_new_rows_of_a_masked_head_as_they_were_trained",
    ],
    "Joint": [RESTART, ALL_DATA],
    "KFACEWC": [
        f"{PENALTIES}::test_kfac_ewc_is_half_the_trace_form_of_mean_and_summed_factors",
        "methods/test_regularisation.py::test_kronecker_factors_average_over_examples_and_labels",
    ],
    "KLAnchor": [
        f"{PRETRAINED}::test_kl_anchor_holds_the_outputs_of_the_model_before_the_task",
        f"{PRETRAINED}::test_kl_anchor_in_the_task_scenario_holds_each_old_head",
        f"{PRETRAINED}::test_kl_anchor_in_the_class_scenario_holds_outputs_of_ended_tasks_alone",
        "methods/test_kl_anchor.py::test_the_reverse_divergence_is_the_sum_over_all_answers",
    ],
    "LaMAML": [f"{OPTIMISATION}::test_la_maml_learns_a_rate_for_each_weight"],
    "LatentReplay": [f"{REPLAY}::test_latent_replay_mixes_activations_of_the_frozen_trunk"],
    "LoRA": [f"{STRUCTURE}::test_lora_trains_a_low_rank_change_for_each_task"],
    "LowRankEWC": [
        f"{PENALTIES}::test_low_rank_ewc_keeps_the_leading_pairs_and_the_diagonal_of_the_rest",
        "methods/test_regularisation.py::test_leading_rows_are_the_leading_eigenpairs",
    ],
    "LwF": [
        f"{PENALTIES}::test_lwf_distils_the_network_of_the_last_boundary",
        f"{PENALTIES}::test_lwf_in_the_task_scenario_distils_each_old_head",
        f"{PENALTIES}::test_lwf_in_the_class_scenario_distils_outputs_of_ended_tasks_alone",
    ],
    "MAS": [f"{PENALTIES}::test_mas_sums_absolute_gradients_of_half_the_squared_norm"],
    "MER": [f"{OPTIMISATION}::test_mer_is_reptile_within_and_across_batches"],
    "MIR": [f"{REPLAY}::test_mir_replays_the_candidates_whose_loss_a_virtual_step_raises_most"],
    "Mix": [
        f"{PRETRAINED}::test_mix_is_descent_on_the_mean_over_new_and_outside_rows",
        f"{MIX}::test_outside_rows_have_their_share_of_every_stretch_of_batches",
        f"{MIX}::test_rows_without_labels_have_the_answers_of_the_teacher_only",
    ],
    "NCM": [f"{STRUCTURE}::test_ncm_scores_are_the_distances_to_class_means"],
    "OGD": [
        f"{OPTIMISATION}::test_ogd_leaves_the_span_of_stored_logit_gradients",
        "methods/test_projections.py::test_ogd_leaves_stored_logits_alone_to_first_order",
    ],
    "OLoRA": [f"{STRUCTURE}::test_o_lora_adds_adapters_up_and_pays_for_overlap"],
    "OML": [f"{OPTIMISATION}::test_oml_differentiates_through_the_inner_loop_of_the_head"],
    "OnlineEWC": [f"{PENALTIES}::test_online_ewc_has_one_spring_and_a_discounted_fisher"],
    "PNN": [
        f"{STRUCTURE}::test_pnn_columns_read_those_before_them",
        "methods/test_pnn.py::test_parameters_count_as_in_the_formulas",
    ],
    "PackNet": [f"{STRUCTURE}::test_packnet_prunes_to_equal_shares_retrains_and_freezes"],
    "RWalk": [f"{PENALTIES}::test_rwalk_adds_a_normalised_fisher_and_a_normalised_score"],
    "RanPAC": [f"{STRUCTURE}::test_ranpac_is_ridge_regression_on_its_random_features"],
    "SI": [
        f"{PENALTIES}::test_si_weighs_by_the_path_integral_over_the_squared_way",
        f"{CLASSICAL}::test_the_path_integral_of_si_is_the_decrease_of_the_loss",
    ],
    "SLDA": [f"{STRUCTURE}::test_slda_is_a_discriminant_with_the_shrunk_covariance_within_classes"],
    "SeparateNetworks": [f"{STRUCTURE}::test_separate_networks_are_plain_networks_side_by_side"],
    "SupSup": [
        f"{STRUCTURE}::test_supsup_sends_the_gradient_of_the_masked_weight_to_its_score",
        f"{STRUCTURE}::test_supsup_infers_the_mask_along_which_the_entropy_falls_most_steeply",
    ],
    "TaskArithmetic": [
        f"{PRETRAINED}::test_task_arithmetic_adds_task_vectors_from_the_first_weights",
        f"{PRETRAINED}::test_task_arithmetic_from_merged_weights_adds_a_part_of_each_change",
    ],
    "WA": [f"{CORRECTIONS}::test_wa_scales_new_rows_to_the_mean_length_of_old_ones"],
    "XdG": [f"{STRUCTURE}::test_xdg_multiplies_hidden_units_by_the_tasks_gates"],
    "iCaRL": [
        f"{CORRECTIONS}::test_icarl_distils_sigmoids_and_learns_new_classes",
        f"{CORRECTIONS}::test_icarl_predicts_the_nearest_mean_of_unit_features",
        "engine/test_ranking.py::test_herding_is_greedy_towards_the_mean",
    ],
}


def test_every_exported_method_has_a_reference():
    assert set(METHODS) == set(REFERENCES)


@pytest.mark.parametrize("method", REFERENCES)
def test_each_reference_is_a_test(method):
    for place in REFERENCES[method]:
        file, name = place.split("::")
        tree = ast.parse((TESTS / file).read_text())
        assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, place

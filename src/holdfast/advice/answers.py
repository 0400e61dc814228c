"""What a user knows about a problem, and what follows from it for the rules."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Fact = bool | int | str  # an answer, or what follows from one


class Answers(BaseModel):
    """What is known about a problem.

    Args:
        task_id: Whether it is known at test time which task an input belongs to.
        new_classes: Whether later tasks bring new classes. If not, they bring the same classes in
            other inputs.
        store: The number of examples that may be stored; 0 for none.
        private: Whether inputs are private, so that none may be stored as it is.
        tasks: The number of tasks.
        labels: Whether the new data have labels.
        boundaries: Whether it is known when one task ends and the next begins.
        memory: "ample" if the network may grow, "tight" if it must keep its size.
        time: "ample" if there is time for several passes over the data, "tight" for one pass.
        pretrained: Whether the network comes pretrained with good features.

    Raises:
        pydantic.ValidationError: An answer has a value that is not allowed.

    Example:
        >>> Answers(new_classes=False).scenario
        'domain'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task_id: bool = Field(
        False, description="Is it known at test time which task an input belongs to?"
    )
    new_classes: bool = Field(
        True,
        description="Do later tasks bring new classes (or else the same classes in other inputs)?",
    )
    store: int = Field(500, ge=0, description="How many examples may be stored (0: none)?")
    private: bool = Field(
        False, description="Are inputs private, so that none may be stored as it is?"
    )
    tasks: int = Field(5, ge=1, description="How many tasks will there be?")
    labels: bool = Field(True, description="Do the new data have labels?")
    boundaries: bool = Field(
        True, description="Is it known when one task ends and the next begins?"
    )
    memory: Literal["tight", "ample"] = Field(
        "ample", description="May the network grow (ample), or must it keep its size (tight)?"
    )
    time: Literal["tight", "ample"] = Field(
        "ample",
        description="Is there time for several passes over the data (ample), or for one (tight)?",
    )
    pretrained: bool = Field(
        False, description="Does the network come pretrained with good features?"
    )

    @property
    def scenario(self) -> str:
        """The scenario that follows from the answers: "task", "domain" or "class"."""
        # A known task id makes the problem easier, whether or not there are new classes.
        if self.task_id:
            return "task"
        if self.new_classes:
            return "class"
        return "domain"

    def facts(self) -> dict[str, Fact]:
        """Return the answers, and what follows from them, under the names that rules use."""
        may_store = self.store > 0
        facts: dict[str, Fact] = self.model_dump()
        facts |= {
            "scenario": self.scenario,
            "stored": may_store,
            "raw": may_store and not self.private,
            # A task id that changes marks a boundary, even an unannounced one.
            "boundaries": self.boundaries or self.task_id,
            "announced": self.boundaries,
        }
        return facts

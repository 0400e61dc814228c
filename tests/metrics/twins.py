"""Every metric a second time: loops over a plain dict of cells, written from the formulas."""

import math

NAN = float("nan")


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else NAN


def acc(r, t):
    return mean(r[t, j] for j in range(1, t + 1))


def bwt(r, t):
    return mean(r[t, j] - r[j, j] for j in range(1, t))


def fwt(r, t, b):
    return mean(r[j - 1, j] - b[j] for j in range(2, t + 1))


def zero_shot(r, t):
    return mean(r[j - 1, j] for j in range(2, t + 1))


def forgetting(r, t, since):
    total = []
    for j in range(1, t):
        best = -math.inf
        for i in range(j if since == "learned" else 1, t):
            best = NAN if math.isnan(best) or math.isnan(r[i, j]) else max(best, r[i, j])
        total.append(best - r[t, j])
    return mean(total)


def worst(r, t):
    lost = [r[j, j] - r[t, j] for j in range(1, t)]
    return NAN if not lost or any(map(math.isnan, lost)) else max(lost)


def learning(r, t):
    return mean(r[j, j] for j in range(1, t + 1))


def incremental(r, t):
    return mean(mean(r[i, j] for j in range(1, i + 1)) for i in range(1, t + 1))


def trace(r, t, i):
    return sum(r[i, j] - r[j, j] for j in range(1, i + 1)) / i


def gain(r, t):
    return sum(r[t, j] - r[0, j] for j in range(1, t + 1))


def diaz(r, t):
    a = f = b = 0.0
    for i in range(1, t + 1):
        for j in range(1, t + 1):
            if i >= j:
                a += r[i, j]
            if i > j:
                b += r[i, j] - r[j, j]
            if i < j:
                f += r[i, j]
    pairs = t * (t - 1) / 2
    return a / (t * (t + 1) / 2), b / pairs if pairs else NAN, f / pairs if pairs else NAN


def min_acc(a, steps, ends, now):
    i = next((k for k, e in enumerate(ends) if now <= e), len(ends) - 1)
    lows = []
    for j in range(i):
        seen = [row[j] for row, s in zip(a, steps, strict=True) if ends[j] < s <= now]
        lows.append(min(seen) if seen else NAN)
    return mean(lows), i


def wc_acc(a, steps, ends, now):
    low, i = min_acc(a, steps, ends, now)
    here = [row for row, s in zip(a, steps, strict=True) if s <= now][-1][i]
    return here if i == 0 else here / (i + 1) + (1 - 1 / (i + 1)) * low


def window(a, steps, w, sign):
    best = []
    for j in range(len(a[0])):
        largest = 0.0
        for m in range(len(steps)):
            for n in range(m + 1, len(steps)):
                if steps[n] - steps[m] < w:
                    largest = max(largest, sign * (a[n][j] - a[m][j]))
        best.append(largest)
    return mean(best)

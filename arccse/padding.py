"""Less padding: cut a batch into groups of sentences of like length."""

import numpy as np


def length_groups(lengths: np.ndarray, count: int) -> list[np.ndarray]:
    """The partition of a batch into at most `count` groups, each padded to its longest row, with the least padding.

    Args:
        lengths: (N,) tokens of each row, N ≥ 1.
        count: at least 1.

    Returns:
        Arrays of row numbers, together a permutation of 0 … N − 1, from the longest rows to the shortest. Rows of
        one length are never cut apart.

    Source: dynamic programming over the distinct lengths, since an optimal group is a range of them.
    """
    distinct, rows_of_length = np.unique(lengths, return_counts=True)
    rows_up_to = np.concatenate([[0], np.cumsum(rows_of_length)])
    # least[j]: the fewest padded tokens of the j shortest lengths in the groups made so far; cut[g][j]: where the
    # last of g + 1 groups then begins.
    least = np.concatenate([[0], np.full(len(distinct), np.inf)])
    cuts = []
    for _ in range(min(count, len(distinct))):
        tokens = least[:, None] + distinct * (rows_up_to[1:] - rows_up_to[:, None])
        tokens[np.tril_indices_from(tokens, k=-1)] = np.inf  # a group that ends before it begins
        cuts.append(tokens.argmin(0))
        least = np.concatenate([[np.inf], tokens.min(0)])
    order, end, groups = np.argsort(lengths, kind="stable"), len(distinct), []
    for cut in reversed(cuts):
        begin = cut[end - 1]
        groups.append(order[rows_up_to[begin] : rows_up_to[end]])
        end = begin
    return groups

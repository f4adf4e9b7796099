"""What the page's terms mean: one definition each, to which the heads of its tables lead."""

import re

TERMS = {
    "STS average": (
        "How well cosines of sentence embeddings rank pairs of sentences as people do: Spearman's correlation "
        "with the human ratings × 100, averaged over the seven tasks STS12 to STS16, STS-B and SICK-R."
    ),
    "Transfer average": (
        "How well a logistic regression on frozen embeddings tells classes of sentences apart: accuracy in %, "
        "averaged over the seven tasks MR, CR, SUBJ, MPQA, SST-2, TREC and MRPC of SentEval."
    ),
    "Average": (
        "The mean of the columns of a table, each with the same weight: the STS average, the transfer average."
    ),
    "Alignment": (
        "The mean squared distance between the embeddings, on the unit sphere, of pairs that people rate as "
        "alike; 0 at best, × 100 in tables, the lower the better (Wang and Isola, ICML 2020)."
    ),
    "Uniformity": (
        "How evenly the embeddings of all sentences are spread on the unit sphere: the logarithm of the mean "
        "of exp(−2 distance²) over pairs; × 100 in tables, the lower the better (Wang and Isola, ICML 2020)."
    ),
    "Order": (
        "Whether a sentence is nearer to itself with less of it masked than with more. ordered_20_40: the "
        "share × 100 of sentences nearer with 20 % masked than with 40 %; ordered_all: of all neighbouring "
        "levels of masking; similarity_k: the mean cosine × 100 to the whole sentence with k % masked."
    ),
    "Points": (
        "The unit of all scores and differences: a hundredth of a correlation or cosine, or a per cent of accuracy."
    ),
    "Seeds": (
        "How many trainings, each from another random start with other dropout and order of sentences, stand "
        "behind a number. In comparisons (n), those that both sides have."
    ),
    "Interval": (
        "Where the true mean lies, as the spread over seeds tells (Student's t). Below a heading of several "
        "comparisons, and in the table of claims, intervals are widened so that with 95 % confidence all of "
        "them hold."
    ),
    "Verdict": (
        "Of a comparison, from its interval alone: higher or lower, if it leaves 0 out; equivalent, if it "
        "lies within the margin that does not matter; otherwise undecided. Of a claim: supported, if it lies "
        "on the side that the claim says; contradicted, if on the other one; equivalent and undecided as "
        "above."
    ),
    "Difference": ("The mean over common seeds of one row's score less the other's, seed by seed."),
    "p": (
        "How often an effect of 0 would give a difference at least as large by the chance of seeds alone; it "
        "is adjusted as the interval is, and below 0.05 where that leaves 0 out."
    ),
    "Sign-flip p": (
        "A check of p that assumes no normal values: how many of all ways to flip the signs of the seeds' "
        "differences give a mean at least as far from 0."
    ),
    "P(impr.)": (
        "How often a run of the one beats a run of the other, over all pairs of their runs; 0.5: as often as not."
    ),
    "Detectable": (
        "The smallest true difference that so many seeds with this spread would find with 80 % power. What is "
        "smaller can stay undecided without being 0."
    ),
    "Two-level": (
        "The interval if not only other seeds but also other sentence pairs, sentences or test examples could have "
        "been drawn; it is wider."
    ),
    "Tuning": (
        "Each row is tried with several values of its hyperparameters; those of the best dev score are chosen, and "
        "trained again with fresh seeds. Configured: with the values that the config says; tuned: with the chosen "
        "ones."
    ),
    "Trial": "A training with values that tuning tries. Its dev score counts, and it has no other.",
    "Expected best": (
        "The dev score of the best of so many trials, a mean over all choices of so many (Dodge et al., EMNLP 2019; "
        "without replacement, Tang et al., ACL 2020): what tuning finds on a smaller budget."
    ),
    "Rank": (
        "The place of a row's mean, 1 for the highest, and the places that it could have had with other seeds, or "
        "with other examples too (two-level)."
    ),
    "Perhaps best": (
        "Whether a row can't be told apart from the best: no other one is decidedly above it. The best is among "
        "these rows with 95 % confidence (Gupta, Technometrics 1965)."
    ),
    "Stream": (
        "A source of random numbers of a training: the head's initial weights, the order of the sentences, masks, "
        "dropout, noise, drawn negatives. Each can follow from a run's seed or be the same in every run."
    ),
    "Share": (
        "Of the variance over seeds with all streams free, how much a row with fewer has. What adds up has shares "
        "that add up to 100 %."
    ),
    "Kendall's τ": (
        "How far two rankings agree: pairs of rows in the same order less those in the opposite one, as a share of "
        "all pairs; 1, the same order, 0, unrelated, −1, the reverse."
    ),
    "Bounds": (
        "What Kendall's τ of the true means can be, with 95 % confidence, by the pairs of rows whose order is sure "
        "in both rankings."
    ),
    "Untrained": (
        "The pretrained encoder as it was published, pooled and scored like the others but trained on nothing "
        "here; it has no seeds, so that one run stands for all."
    ),
    "Pooling": (
        "How the vectors of a sentence's tokens become one: cls, that of the first token; mean, their mean; "
        "first-last-avg and top2-avg, the mean over two layers too."
    ),
}

HEADS = {
    **{"Avg": "Average", "STS": "STS average", "STS by MTEB": "STS average", "Transfer": "Transfer average"},
    **{"Transfer, fast mode": "Transfer average", "STS without overlaps": "STS average"},
    **{"alignment": "Alignment", "uniformity": "Uniformity", "Alignment and uniformity": "Alignment"},
    **{"ordered_20_40": "Order", "ordered_all": "Order", "Order of masked sentences": "Order"},
    **{"Configured": "Tuning", "Tuned": "Tuning", "Trials": "Trial", "All trials": "Trial", "Best trial": "Trial"},
    **{"One trial": "Expected best", "Half the trials": "Expected best"},
    **{"Ranks": "Rank", "Best in": "Rank", "Best in, two-level": "Two-level"},
    **{"Streams that follow the seed": "Stream", "Spread over seeds by streams": "Stream", "τ": "Kendall's τ"},
    **{"Interval of share": "Share", "Interval of sd": "Interval", "Agreement of rankings": "Kendall's τ"},
    **{"Gain measured": "Difference", "With other seeds": "Kendall's τ"},
    **{"n": "Seeds", "untrained": "Untrained", "Difference (interval)": "Points"},
}


def anchor(term: str) -> str:
    """The id of a term's definition."""
    return "term-" + re.sub(r"\W+", "-", term.lower()).strip("-")


def defined(text: str) -> str:
    """The id of what defines a head or title of the page, "" where it needs no definition."""
    term = HEADS.get(text, text)
    if term not in TERMS and "pooling" in text:
        term = "Pooling"
    return anchor(term) if term in TERMS else ""

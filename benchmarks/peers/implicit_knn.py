"""implicit: item-to-item nearest neighbours, by cosine or by BM25."""

from typing import Any

from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

from peers import Case, Scorer, Watch

CONTENT, COLD, PACKAGE = False, False, "pm-implicit"
GRID = (
    *({"weighting": "cosine", "K": k} for k in (20, 100, 300)),
    *(
        {"weighting": "bm25", "K": k, "K1": k1, "B": b}
        for k in (20, 100, 300)
        for k1 in (1.2, 100.0)
        for b in (0.2, 0.8)
    ),
)


def fit(case: Case, setting: dict[str, Any], watch: Watch) -> Scorer:  # noqa: ARG001 - nothing is learned by epochs
    values = {key: value for key, value in setting.items() if key != "weighting"}
    kind = BM25Recommender if setting["weighting"] == "bm25" else CosineRecommender
    model = kind(**values, num_threads=1)
    model.fit(case.liked, show_progress=False)
    return lambda users: (case.liked[users] @ model.similarity).toarray()

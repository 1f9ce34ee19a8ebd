"""What may be asked of a forecast."""

from __future__ import annotations

from typing import Literal

CLASSIFIERS = {
    "logistic": "Logistic regression",
    "neighbours": "k nearest neighbours",
    "linear-svm": "Support vector machine, linear",
    "rbf-svm": "Support vector machine, RBF",
    "forest": "Random forest",
    "boosting": "Gradient boosting",
    "bayes": "Gaussian naive Bayes",
}
Classifier = Literal[tuple(CLASSIFIERS)]

# Groups of features: each is one or several columns that the model is given.
FEATURES = {
    "returns": "Lagged returns",
    "macd": "MACD and its change",
    "rsi": "Relative strength index (RSI)",
    "cci": "Commodity channel index (CCI)",
    "emv": "Ease of movement (EMV)",
    "force": "Force index",
}
Feature = Literal[tuple(FEATURES)]

POSITIONS = {
    "long": "Long or out",
    "long-short": "Long or short",
}
Positions = Literal[tuple(POSITIONS)]

FEWEST_FOLDS, MOST_FOLDS = 2, 8

"""Ridge regression of every column on all the others, in closed form.

Reference: H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equations 8 and 9.
"""

import numpy as np
import torch

from cuvee.errors import ConfigError
from cuvee.types import Floats

__all__ = ["zero_diagonal_ridge"]


def zero_diagonal_ridge(gram: Floats, l2: float) -> Floats:
    """Return B = I - P diag(1 / diag P) with P = (gram + l2 I)^-1, by a float32 Cholesky factor.

    Args:
        gram: (i, i) symmetric, positive semi-definite; overwritten.
        l2: ridge penalty, in the units of the Gram matrix; above 0.

    Raises:
        ConfigError: a penalty of 0 or less, or the matrix is not positive definite in float32 at this penalty.
    """
    if l2 <= 0:
        raise ConfigError(f"the penalty l2 must be above 0, got {l2:g}")
    gram[np.diag_indices_from(gram)] += l2
    factor, info = torch.linalg.cholesky_ex(torch.from_numpy(gram))
    if int(info) != 0:
        raise ConfigError(f"the ridge problem is not positive definite with l2={l2:g}; raise l2")
    precision = torch.cholesky_inverse(factor).numpy()
    weights = precision / -np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, np.float32)

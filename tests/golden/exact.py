"""How far a fitted linear model is from the exact solution for the design that it saw, in extended precision.

A golden is only worth holding others to if it is itself right to more digits than the tolerance asks for.
"""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

LONG = np.longdouble
ROUNDS = 60


def agrees(found, exact, scale=0.0, relative=1e-10, absolute=1e-12):
    """The rule of agreement, ten times stricter than what pipefit is held to."""
    found, exact = np.asarray(found, float), np.asarray(exact, float)
    bound = relative * np.maximum(np.abs(found), np.abs(exact)) + absolute * scale
    return bool((np.abs(found - exact) <= bound).all())


def spread(x, y):
    """sd(y)/sd(x_j) for each column: the natural size of a coefficient."""
    deviations = x.std(axis=0)
    return np.divide(y.std(), deviations, out=np.ones_like(deviations), where=deviations > 1e-12)


def centred(x, y, weight, intercept):
    """Design, target and root weights in extended precision, about their weighted means where there is an intercept."""
    weight = np.ones(len(y), LONG) if weight is None else weight.astype(LONG)
    x, y = x.astype(LONG), y.astype(LONG)
    x_mean = y_mean = 0
    if intercept:
        x_mean, y_mean = (weight @ x) / weight.sum(), (weight @ y) / weight.sum()
    return x - x_mean, y - y_mean, weight, x_mean, y_mean


def singular_ratios(x, weight, intercept):
    """Singular values of the design as the model sees it, over the greatest."""
    deviations, _, weight, _, _ = centred(x, np.zeros(len(x)), weight, intercept)
    sigma = np.linalg.svd((np.sqrt(weight)[:, None] * deviations).astype(float), compute_uv=False)
    return sigma / sigma[0]


def least_squares(x, y, weight, alpha, intercept, start):
    """Coefficients and intercept of (penalised) least squares; of least norm where the design lacks rank."""
    deviations, residual_target, weight, x_mean, y_mean = centred(x, y, weight, intercept)
    scaled = (np.sqrt(weight)[:, None] * deviations).astype(float)
    _, sigma, rows = np.linalg.svd(scaled, full_matrices=False)
    keep = sigma > 1e-10 * sigma[0]
    sigma, rows = sigma[keep], rows[keep].astype(LONG)
    b = rows.T @ (rows @ start.astype(LONG))
    for _ in range(ROUNDS):
        gradient = deviations.T @ (weight * (residual_target - deviations @ b)) - alpha * b
        b = b + rows.T @ ((rows @ gradient) / (sigma.astype(LONG) ** 2 + alpha))
    return b, y_mean - x_mean @ b if intercept else LONG(0)


def check_least_squares(model, x, y, weight):
    """Raise unless a fitted LinearRegression or Ridge is exact; a design of doubtful rank is refused too."""
    alpha = getattr(model, "alpha", 0.0)
    if alpha == 0:
        ratios = singular_ratios(x, weight, model.fit_intercept)
        if ((ratios <= 1e-5) & (ratios >= 1e-13)).any():
            raise ValueError(f"a design of doubtful rank: singular values {ratios}")
    b, b0 = least_squares(x, y, weight, alpha, model.fit_intercept, model.coef_)
    if not agrees(model.coef_, b, spread(x, y)):
        raise ValueError(f"coefficients off by {np.abs(model.coef_ - b).max()}")
    if not agrees(model.intercept_, b0, y.std()):
        raise ValueError(f"intercept off by {abs(model.intercept_ - b0)}")


def check_penalised(model, x, y, weight):
    """Raise unless a fitted Lasso or ElasticNet is exact: with these signs, and the other coefficients at 0, the optimum."""
    alpha = getattr(model, "alpha_", getattr(model, "alpha", None))
    ratio = getattr(model, "l1_ratio_", getattr(model, "l1_ratio", 1.0))
    l1, l2 = alpha * ratio, alpha * (1 - ratio)
    deviations, _, weight, x_mean, _ = centred(x, np.zeros(len(x)), weight, model.fit_intercept)
    total = weight.sum()
    for target, coef, intercept in zip(y.reshape(len(y), -1).T, np.atleast_2d(model.coef_), np.ravel(model.intercept_)):
        _, values, _, _, mean = centred(x, target, np.asarray(weight, float), model.fit_intercept)
        inside = coef != 0
        columns, signs, b = deviations[:, inside], np.sign(coef[inside]), coef[inside].astype(LONG)
        gram = (columns.T * weight) @ columns / total + l2 * np.eye(inside.sum())
        for _ in range(ROUNDS):
            slopes = columns.T @ (weight * (values - columns @ b)) / total - l1 * signs - l2 * b
            b = b + np.linalg.lstsq(gram.astype(float), slopes.astype(float), rcond=1e-13)[0]
        size = spread(x, target)
        if not agrees(coef[inside], b, size[inside]):
            raise ValueError(f"coefficients off by {np.abs(coef[inside] - b).max()}")
        if model.fit_intercept and not agrees(intercept, mean - x_mean[inside] @ b, target.std()):
            raise ValueError("the intercept is off")
        outside = deviations[:, ~inside].T @ (weight * (values - columns @ b)) / total
        beyond = (outside if model.positive else np.abs(outside)) - l1
        if (beyond * size[~inside] > 1e-10 * target.std() ** 2).any():
            raise ValueError(f"a coefficient should not be 0: {beyond}")


def logistic(x, codes, classes, weight, penalty, intercept, start, start0):
    """The optimum of the penalised multinomial (or, for two classes, binary) log-likelihood by Newton's method."""
    n, p = x.shape
    design = np.hstack([x, np.ones((n, 1))]) if intercept else x
    long_design, width = design.astype(LONG), design.shape[1]
    binary = classes == 2
    count = 1 if binary else classes
    hot = (codes[:, None] == np.arange(classes)).astype(LONG)
    hot = hot[:, 1:] if binary else hot
    b = np.hstack([start, start0[:, None]]) if intercept else start
    b = b.astype(LONG)
    ridge = np.full(width, penalty)
    ridge[p:] = 0
    for _ in range(12):
        z = long_design @ b.T
        z = np.hstack([np.zeros((n, 1), LONG), z]) if binary else z
        z = np.exp(z - z.max(axis=1, keepdims=True))
        proba = (z / z.sum(axis=1, keepdims=True))[:, 1 if binary else 0:]
        gradient = (weight[:, None] * (proba - hot)).T @ long_design + ridge * b
        hessian = np.zeros((count * width, count * width))
        for i in range(count):
            for j in range(count):
                inner = (weight * proba[:, i] * ((i == j) - proba[:, j])).astype(float)
                block = design.T @ (inner[:, None] * design) + (i == j) * np.diag(ridge)
                hessian[i * width:(i + 1) * width, j * width:(j + 1) * width] = block
        step = np.linalg.lstsq(hessian, gradient.astype(float).ravel(), rcond=1e-14)[0]
        b = b - step.reshape(b.shape)
    return (b[:, :p], b[:, p]) if intercept else (b, np.zeros(count))


def check_logistic(model, x, labels, weight):
    """Raise unless a fitted LogisticRegression is at its optimum."""
    codes = np.searchsorted(model.classes_, labels)
    weight = np.ones(len(codes)) if weight is None else weight
    if model.class_weight is not None:
        present = compute_class_weight(model.class_weight, classes=model.classes_, y=labels, sample_weight=weight)
        weight = weight * present[codes]
    classes = len(model.classes_)
    start0 = np.zeros(len(model.coef_)) + model.intercept_
    b, b0 = logistic(x, codes, classes, weight.astype(LONG), 1 / model.C, model.fit_intercept, model.coef_, start0)
    centre = (lambda a: a - a.mean()) if classes > 2 else (lambda a: a)
    scale = spread(x, np.array([0.0, 2.0]))
    if not agrees(model.coef_, b, scale):
        raise ValueError(f"coefficients off by {np.abs(model.coef_ - b).max()}")
    if not agrees(centre(start0), centre(b0), 1.0):
        raise ValueError(f"intercept off by {np.abs(centre(start0) - centre(b0)).max()}")

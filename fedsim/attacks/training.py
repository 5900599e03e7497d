"""Attackers that train otherwise: what takes the place of the local algorithm."""

from collections.abc import Callable, Iterable
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Le

from fedsim.attacks.contract import training_attack
from fedsim.exact_fractions import portion

if TYPE_CHECKING:
    from torch import Tensor

    Tensors = list[Tensor]
else:
    Tensors = list


@training_attack("neurotoxin")
def neurotoxin(
    descend: Callable[[Any], None],
    parameters: Tensors,
    start: Tensors,
    previous: Tensors,
    send: Callable[[Iterable[Any]], None],
    *,
    keep: Annotated[float, Gt(0), Le(1), "share of each tensor's coordinates in which the attacker learns"] = 0.95,
    norm: Annotated[float | None, Gt(0), "greatest Euclidean length of what is sent; left out: any"] = None,
) -> None:
    """Learn the backdoor where the others hardly move, so that they do not undo it.

    Formula:
        M: of each tensor the ⌈keep · size⌉ coordinates in which the last aggregate is least in absolute value, and
        those equal to the greatest of them
        w ← step(w, M∘∇ℓ(w; poisoned batch)) for each batch;  row = c·M∘(w − w_global)
        c = min(1, norm / ‖M∘(w − w_global)‖)
    Assumes:
        Data steps in the same chain that poison the examples; without them an honest client learns in M. In the first
        round the last aggregate is zero and M is everything.
    Differs:
        One package keeps the most negative coordinates instead of the smallest. The paper clips after every epoch; here
        what is sent is. The mask is laid upon the row too, so that weight decay does not move what it leaves out.
    Source:
        Zhang et al., Neurotoxin: Durable Backdoors in Federated Learning, ICML 2022.
    Example:
        >>> import torch
        >>> sent, last = [], torch.tensor([0.0, 5.0, -1.0, 2.0])
        >>> neurotoxin(lambda correct: None, [torch.ones(4)], [torch.zeros(4)], [last], sent.extend, keep=0.5)
        >>> sent[0].tolist()
        [1.0, 0.0, 1.0, 0.0]
    """
    masks = [_least(tensor, keep) for tensor in previous]

    def hold(parameters: Tensors, start: Tensors, gradients: Tensors) -> None:  # noqa: ARG001 - one signature for all
        for gradient, mask in zip(gradients, masks, strict=True):
            gradient.mul_(mask)

    descend(hold)
    moved = [(tensor - begin) * mask for tensor, begin, mask in zip(parameters, start, masks, strict=True)]
    length = _length(moved)
    if norm is not None and length > norm:
        moved = [tensor * (norm / length) for tensor in moved]
    send(moved)


@training_attack("alternating_minimisation")
def alternating_minimisation(
    clean: Callable[[], Any],
    poisoned: Callable[[], Any],
    optimizer: Callable[[], Callable[[Any], None]],
    parameters: Tensors,
    start: Tensors,
    previous: Tensors,
    *,
    stealth: Annotated[int, Ge(1), "honest steps between two steps towards the attacker's aim"] = 10,
    boost: Annotated[float, Gt(0), "by which a step towards the aim is enlarged"] = 10.0,
    rho: Annotated[float, Ge(0), "ρ: weight of the distance from where the others are expected"] = 1e-4,
) -> None:
    """Take turns between looking honest and coming nearer to the attacker's aim.

    Formula:
        for each batch of clean examples: w ← step(w, ∇(ℓ(w; clean batch) + ρ‖w − w̄‖)), w̄ = w_global + g
        with g the last aggregate
        after every `stealth` of them, and after the last ones: if ℓ(w; poisoned examples) > 0,
        w ← w + boost · (step(w, ∇ℓ(w; poisoned examples)) − w);  row = w − w_global
        Both kinds of step have an optimizer of their own.
    Assumes:
        Data steps in the same chain, which say what the poisoned examples are: those of the client's own that they
        change, at most as many as a batch holds. Without any only honest steps are taken.
    Cost:
        One step more for every `stealth`, and a look at all of the client's examples.
    Differs:
        The paper's poisoned examples are no part of the client's own.
    Source:
        Bhagoji, Chakraborty, Mittal and Calo, Analyzing Federated Learning through an Adversarial Lens, ICML 2019.
    Example:
        >>> import torch
        >>> w, batches = [torch.zeros(1)], iter([[torch.ones(1)]])
        >>> step = lambda gradients: w[0].sub_(gradients[0])
        >>> aim = lambda: (0.5, [torch.ones(1)])
        >>> start, last = [torch.zeros(1)], [torch.zeros(1)]
        >>> alternating_minimisation(lambda: next(batches, None), aim, lambda: step, w, start, last)
        >>> w[0].tolist()
        [-11.0]
    """
    step, push, taken = optimizer(), optimizer(), 0
    expected = [begin + last for begin, last in zip(start, previous, strict=True)]
    while (gradients := clean()) is not None:
        away = [tensor - middle for tensor, middle in zip(parameters, expected, strict=True)]
        length = _length(away)
        for gradient, gap in zip(gradients, away, strict=True):
            gradient.add_(gap, alpha=rho / length if length else 0.0)
        step(gradients)
        taken += 1
        if taken % stealth == 0:
            _pushed(poisoned, push, parameters, boost)
    if taken % stealth:
        _pushed(poisoned, push, parameters, boost)


@training_attack("backdoor_critical_layers")
def backdoor_critical_layers(
    clean: Callable[[], Any],
    optimizer: Callable[[], Callable[[Any], None]],
    descend: Callable[[], None],
    success: Callable[[], float],
    parameters: Tensors,
    *,
    threshold: Annotated[float, Gt(0), Le(1), "τ: share of the poisoned model's success that is enough"] = 0.95,
    blend: Annotated[float, Gt(0), Le(1), "λ: how far the chosen tensors go towards the poisoned ones"] = 1.0,
) -> None:
    """Poison only those tensors of the model without which the backdoor does not work.

    Formula:
        b: after the honest steps;  m: from there on, after the steps on the poisoned batches;  S(w): share of the
        poisoned examples that w answers as the attacker wants
        forward: tensors in the order of S(m) − S(m with this tensor of b), the greatest first
        backward: L = the first of them, as few as make S(b with the tensors L of m) ≥ τ · S(m)
        row = w − w_global, w = b but b + λ(m − b) in L
    Assumes:
        Data steps in the same chain that poison the examples. Where m answers none of them as wanted L is empty and the
        client is honest.
    Cost:
        Both trainings, and two looks at a batch of poisoned examples for each tensor.
    Differs:
        In the paper all attackers share the mean of their honest models, look for L once in several rounds on examples
        that are not trained on, and choose λ by whether a copy of the defence lets them pass; here each goes by what it
        holds, in every round, and λ is a setting. A layer is a tensor here: weights and biases are chosen apart.
    Source:
        Zhuang, Yu, Wang, Hua, Li and Yuan, Backdoor Federated Learning by Poisoning Backdoor-Critical Layers,
        ICLR 2024.
    Example:
        >>> import torch
        >>> w, batches = [torch.zeros(1), torch.zeros(1)], iter([[torch.ones(1), torch.ones(1)]])
        >>> step = lambda gradients: [each.sub_(by) for each, by in zip(w, gradients)]
        >>> poison = lambda: [each.add_(5) for each in w]
        >>> works = lambda: float(w[1] > 0)
        >>> backdoor_critical_layers(lambda: next(batches, None), lambda: step, poison, works, w)
        >>> [each.tolist() for each in w]
        [[-1.0], [4.0]]
    """
    step = optimizer()
    while (gradients := clean()) is not None:
        step(gradients)
    honest = [tensor.clone() for tensor in parameters]
    descend()
    poisoned = [tensor.clone() for tensor in parameters]
    chosen = _critical(parameters, honest, poisoned, success, threshold)
    for place, (tensor, own, other) in enumerate(zip(parameters, honest, poisoned, strict=True)):
        tensor.copy_(own.lerp(other, blend) if place in chosen else own)


def _critical(
    parameters: Tensors, honest: Tensors, poisoned: Tensors, success: Callable[[], float], threshold: float
) -> set[int]:
    """The places of the fewest tensors, the most critical first, that carry the backdoor over."""
    whole, losses = success(), []
    for tensor, own, other in zip(parameters, honest, poisoned, strict=True):
        tensor.copy_(own)
        losses.append(whole - success())
        tensor.copy_(other)
    for tensor, own in zip(parameters, honest, strict=True):
        tensor.copy_(own)
    chosen: set[int] = set()
    for place in sorted(range(len(losses)), key=lambda place: -losses[place]):
        if success() >= threshold * whole:
            break
        parameters[place].copy_(poisoned[place])
        chosen.add(place)
    return chosen


def _pushed(poisoned: Callable[[], Any], push: Callable[[Any], None], parameters: Tensors, boost: float) -> None:
    """One enlarged step towards the aim, while it is not reached."""
    loss, gradients = poisoned()
    if not loss > 0:
        return
    before = [tensor.clone() for tensor in parameters]
    push(gradients)
    for tensor, old in zip(parameters, before, strict=True):
        tensor.sub_(old).mul_(boost).add_(old)


def _least(tensor: Any, share: float) -> Any:
    """The mask of the share of a tensor's coordinates that are least in absolute value, and those equal to the last."""
    sizes = tensor.abs()
    kept = ceil(portion(share, sizes.numel()))
    return (sizes <= sizes.flatten().kthvalue(kept).values).to(tensor.dtype)


def _length(tensors: Tensors) -> float:
    return float(sum(float(tensor.double().square().sum()) for tensor in tensors) ** 0.5)

"""Each task's loss against its formula in slow numbers."""

import numpy as np
import pytest
import torch

from fedsim.tasks import CLASSIFICATION, NEXT_TOKEN, TASKS


def surprise(logits, target):
    return np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[target]


@pytest.mark.parametrize(("task", "shape"), [(CLASSIFICATION, (5,)), (NEXT_TOKEN, (5, 7))], ids=list(TASKS))
def test_the_loss_is_the_mean_surprise_of_all_answers(task, shape):
    draw = np.random.default_rng(0)
    outputs, targets = draw.standard_normal((*shape, 4)), draw.integers(0, 4, shape)
    expected = [surprise(outputs[place], targets[place]) for place in np.ndindex(shape)]
    assert task.loss(torch.from_numpy(outputs), torch.from_numpy(targets)).item() == pytest.approx(np.mean(expected))
    flat, asked = task.flat(torch.from_numpy(outputs), torch.from_numpy(targets))
    assert (flat.shape, asked.shape) == ((np.prod(shape), 4), (np.prod(shape),))


def test_one_target_or_one_at_every_place():
    assert (CLASSIFICATION.places((40,)), NEXT_TOKEN.places((40,))) == ((), (40,))

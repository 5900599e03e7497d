"""Models that are more, or less, than layers with weights, as somebody may bring them; for 8×8 digits or for text."""

import torch
from torch import nn


def batch_normalised(shape, classes):
    """A linear model of normalised pixels."""
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, classes))


def cumulative(shape, classes):
    """Batch normalisation whose statistics are the mean of all batches, by a counter of whole numbers."""
    return nn.Sequential(nn.BatchNorm2d(1, momentum=None), nn.Flatten(), nn.Linear(64, classes))


def frozen(shape, classes):
    """A first layer that is not trained."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, classes))
    module[1].requires_grad_(False)
    return module


def half_frozen(shape, classes):
    """A first layer of which the bias alone is trained."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, classes))
    module[1].weight.requires_grad_(False)
    return module


class Unused(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.used, self.unused = nn.Linear(64, classes), nn.Linear(3, 3)

    def forward(self, images):
        return self.used(images.flatten(1))


def unused(shape, classes):
    """A layer that no batch uses."""
    return Unused(classes)


def dropping(shape, classes):
    """A layer that draws."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, classes))


class Tied(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.into, self.out, self.last = nn.Linear(64, 24), nn.Linear(24, 64), nn.Linear(64, classes)
        self.mirror = nn.Parameter(self.into.weight.detach().t().clone())
        self.again = nn.Linear(24, 64)
        self.again.weight = self.mirror
        self.out.weight = self.mirror

    def forward(self, images):
        seen = self.out(torch.tanh(self.into(images.flatten(1))))
        return self.last(torch.relu(self.again(torch.tanh(self.into(seen)))))


def tied(shape, classes):
    """Two layers with one weight."""
    return Tied(classes)


class Counting(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.linear = nn.Linear(64, classes)
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mask", torch.arange(64) % 3 > 0)
        self.register_buffer("order", torch.randperm(64), persistent=False)

    def forward(self, images):
        if self.training:
            self.batches += 1
        return self.linear(images.flatten(1)[:, self.order] * self.mask) / (1 + 0.1 * self.batches)


def counting(shape, classes):
    """Buffers of whole numbers and of truths: a counter that a training pass raises, a mask, a random order."""
    return Counting(classes)


class Scaled(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.parts = nn.ParameterList([nn.Parameter(torch.randn(64, classes) / 8)])
        self.act = nn.Identity()

    def forward(self, images):
        return self.act(self.scale * images.flatten(1) @ self.parts[0])


def scaled(shape, classes):
    """A parameter without an axis, one in a list, and a module with none."""
    return Scaled(classes)


def spectral(shape, classes):
    """A weight computed from others, by vectors that each training pass improves."""
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(64, classes)))


def weight_normalised(shape, classes):
    """A weight computed from a length and a direction."""
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(64, classes)))


def in_place(shape, classes):
    """A layer that changes what it is given."""

    class Centred(nn.Module):
        def forward(self, images):
            return images.sub_(0.5).flatten(1)

    return nn.Sequential(Centred(), nn.Linear(64, 16), nn.ReLU(inplace=True), nn.Linear(16, classes))


def double(shape, classes):
    """Weights in double precision."""

    class Double(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, classes).double()

        def forward(self, images):
            return self.linear(images.flatten(1).double()).float()

    return Double()


def noisy(shape, classes):
    """Noise that the forward pass draws itself, in evaluation too."""

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, classes)

        def forward(self, images):
            pixels = images.flatten(1)
            return self.linear(pixels + 0.1 * torch.randn_like(pixels) if self.training else pixels)

    return Noisy()


IMAGES = (
    batch_normalised, cumulative, frozen, half_frozen, unused, dropping, tied, counting, scaled, spectral,
    weight_normalised, in_place, double, noisy,
)  # fmt: skip


class Language(nn.Module):
    """Tokens in, logits at every place out."""

    def __init__(self, embedding, body, head):
        super().__init__()
        self.embedding, self.body, self.head = embedding, body, head

    def forward(self, tokens):
        states = self.body(self.embedding(tokens))
        return self.head(states[0] if isinstance(states, tuple) else states)


def embedded(vocabulary, classes):
    """An embedding alone: the next token from this one."""
    return Language(nn.Embedding(vocabulary, 12), nn.Identity(), nn.Linear(12, classes))


def sparse(vocabulary, classes):
    """An embedding whose gradient is sparse."""
    return Language(nn.Embedding(vocabulary, 12, sparse=True), nn.Identity(), nn.Linear(12, classes))


def padded(vocabulary, classes):
    """An embedding with a row that stays zero."""
    return Language(nn.Embedding(vocabulary, 12, padding_idx=0), nn.Identity(), nn.Linear(12, classes))


def tied_embedding(vocabulary, classes):
    """An output layer with the weight of the embedding."""
    module = Language(nn.Embedding(vocabulary, 12), nn.GRU(12, 12, batch_first=True), nn.Linear(12, classes))
    module.head.weight = module.embedding.weight
    return module


def frozen_embedding(vocabulary, classes):
    """An embedding that is not trained."""
    module = Language(nn.Embedding(vocabulary, 12), nn.LSTM(12, 16, batch_first=True), nn.Linear(16, classes))
    module.embedding.requires_grad_(False)
    return module


def dropping_between(vocabulary, classes):
    """A recurrent network that drops between its layers."""
    body = nn.GRU(12, 16, 2, batch_first=True, dropout=0.4)
    return Language(nn.Embedding(vocabulary, 12), body, nn.Linear(16, classes))


def attending(vocabulary, classes):
    """A layer of a transformer, which drops in four places."""
    body = nn.TransformerEncoderLayer(12, 2, 24, dropout=0.2, batch_first=True)
    return Language(nn.Embedding(vocabulary, 12), body, nn.Linear(12, classes))


TEXT = (embedded, sparse, padded, tied_embedding, frozen_embedding, dropping_between, attending)

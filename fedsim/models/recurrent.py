"""Recurrent networks, which read a sequence of tokens one after another."""

from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from fedsim.models.contract import model
from fedsim.tasks import Task

if TYPE_CHECKING:
    from torch import nn


@model("gru", kinds=("tokens",))
def gru(
    vocabulary: int,
    classes: int,
    task: Task,
    *,
    embedding: Annotated[int, Ge(1), Le(4_096), "numbers that stand for a token"] = 32,
    hidden: Annotated[int, Ge(1), Le(4_096), "units in each recurrent layer"] = 128,
    layers: Annotated[int, Ge(1), Le(16), "recurrent layers"] = 1,
) -> "nn.Module":
    """A gated recurrent network over tokens: embedding, GRU, one linear layer.

    Formula:
        e_t = E[x_t]; r_t, z_t = σ(W e_t + U h_{t−1} + b), n_t = tanh(W_n e_t + b_n + r_t ⊙ (U_n h_{t−1} + c_n)),
        h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}, h_0 = 0; logits_t = V h_t + a at every place where the next token is
        asked for, and at the last place alone where the class of the whole is
    Cost:
        72,029 parameters on a vocabulary of 61 tokens.
    Differs:
        McMahan et al. and LEAF predict characters with a two-layer LSTM; a GRU has three gates in place of four.
    Source:
        Cho et al., Learning Phrase Representations using RNN Encoder–Decoder for Statistical Machine Translation,
        EMNLP 2014.
    """
    from torch import Tensor, nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, embedding)
            self.gru = nn.GRU(embedding, hidden, layers, batch_first=True)
            self.linear = nn.Linear(hidden, classes)

        def forward(self, tokens: Tensor) -> Tensor:
            states, _ = self.gru(self.embedding(tokens))
            logits: Tensor = self.linear(states if task.everywhere else states[:, -1])
            return logits

    return Recurrent()

"""What clients keep from round to round, and what of it the server's step needs: momenta, variates, amounts of work."""

from collections.abc import Mapping, Sequence

import numpy as np

from fedsim.array_types import Array
from fedsim.scenario.sections import Training
from fedsim.simulation.arrivals import Received
from fedsim.simulation.client_momentum import carry, client_rate, momentum_of
from fedsim.simulation.client_steps import effective, normalise, normalises, steps_of
from fedsim.simulation.client_variates import (
    CONTROL,
    VARIATE,
    Sent,
    difference,
    keeps_variates,
    renew,
    server_renewed,
    server_variate,
)
from fedsim.simulation.client_work import epochs_of, own_training
from fedsim.simulation.dispatch import Dispatcher
from fedsim.simulation.federation import Federation
from fedsim.simulation.state import State


class Keeping:
    """The clients' side of one round's state."""

    def __init__(self, federation: Federation, state: State, dispatcher: Dispatcher, round: int) -> None:
        self._population, self._state, self._dispatcher = federation.population, state, dispatcher
        self._stream, self._round = federation.stream, round
        self._training, self._trained = federation.scenario.training, federation.layout.trained
        self._factor = dispatcher.factor(round)

    def hand_out(self, rows: Mapping[int, int]) -> None:
        """Let clients know by how much their control variates differ from the server's, where they keep such."""
        if self._dispatcher.variates is not None:
            own = server_variate(self._state.memories, self._state.parameters)
            for client, row in rows.items():
                self._dispatcher.variates[row] = difference(self._state.momenta, client, own)

    def remember(self, clients: Sequence[int], rows: Mapping[int, int], counts: Mapping[int, int]) -> None:
        """What clients send becomes normalised, or the momentum of it; what they keep is renewed by it."""
        training, state, trained = self._training, self._state, self._trained
        matrix, which = self._dispatcher.rows, [rows[client] for client in clients]
        work = self._work(clients, self._round)
        if keeps_variates(training):
            sent = (
                (client, self._sent(matrix[row], counts[client], each))
                for client, row, each in zip(clients, which, work, strict=True)
            )
            renew(state.momenta, sent, server_variate(state.memories, state.parameters), trained)
        if normalises(training):
            made = zip(clients, which, work, strict=True)
            normalise(((matrix[row], counts[client], each) for client, row, each in made), trained)
        if (momentum := momentum_of(training)) is not None:
            carry(momentum, client_rate(training, self._factor), state.momenta, clients, matrix, which, trained)

    def effective(self, received: Received | None, weights: Array) -> float:
        """By what the server multiplies the aggregate of normalised rows."""
        if received is None or not normalises(self._training):
            return 1.0
        return effective(weights, zip(map(int, received.counts), self._received(received), strict=True))

    def learn(self, received: Received | None, weights: Array) -> None:
        """The server's control variate takes up what the rows say of the clients'."""
        if received is None or not keeps_variates(self._training):
            return
        own = server_variate(self._state.memories, self._state.parameters)
        work = zip(received.matrix, received.counts, self._received(received), strict=True)
        sent = [self._sent(row, int(count), own_work) for row, count, own_work in work]
        renewed = server_renewed(own, sent, weights, self._population, self._trained)
        if np.isfinite(renewed).all():
            self._state.remember(CONTROL, {VARIATE: renewed}, self._dispatcher.rows)

    def _received(self, received: Received) -> list[Training]:
        """The work behind each row, which may have begun in an earlier round."""
        began = (self._round - received.staleness).tolist()
        return [self._work([int(client)], round)[0] for client, round in zip(received.clients, began, strict=True)]

    def _work(self, clients: Sequence[int], round: int) -> list[Training]:
        """Each client's own work in a round."""
        epochs = epochs_of(self._training, self._stream, clients, round)
        return [own_training(self._training, each) for each in epochs]

    def _sent(self, row: Array, count: int, training: Training) -> Sent:
        rate = self._factor * float(self._training.optimizer.settings["lr"])
        return Sent(row, steps_of(count, training) * rate)

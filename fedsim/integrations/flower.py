"""fedsim's rules as a strategy of Flower's (`flwr.serverapp`): the extra `flower` installs it.

    from fedsim.integrations.flower import RobustStrategy

    strategy = RobustStrategy("multi_krum", f=2, preaggregators=[("nnm", {})])
    result = strategy.start(grid=grid, initial_arrays=arrays, num_rounds=3)

Sampling, messages, metrics and evaluation are those of Flower's FedAvg. `docs/flower.md` says what is lost on the way.
"""

import inspect
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from logging import INFO, WARNING
from typing import Any

try:
    from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
    from flwr.common.logger import log
    from flwr.serverapp import Grid
    from flwr.serverapp.strategy import FedAvg
except ImportError as error:
    message = "fedsim.integrations.flower needs Flower 1.22 or later: pip install 'fedsim-byzantine[flower]'"
    raise ImportError(message) from error

from fedsim.integrations.judge import Judge, Outcome, Reply, Step

__all__ = ["RobustStrategy"]

OF_FLOWER = tuple(inspect.signature(FedAvg).parameters)
MOST_EXAMPLES = 2**53
"""Beyond this a count is no whole number in double precision."""


class RobustStrategy(FedAvg):  # type: ignore[misc]
    """Federated averaging with a rule of fedsim's in the place of the average.

    `f` is a number of replies, or a share of those that arrive (0.2); pre-aggregators that are told no f of their own
    take it too. Other keywords are the rule's settings or FedAvg's (`fraction_train`, `weighted_by_key`, …).
    `seed` is the root of what rules draw, round by round. `outcomes` holds what became of each round.
    """

    def __init__(
        self,
        rule: str = "trimmed_mean",
        *,
        f: int | float | None = None,
        preaggregators: Sequence[Step] = (),
        seed: int = 1,
        **keywords: Any,
    ) -> None:
        of_flower = {key: value for key, value in keywords.items() if key in OF_FLOWER}
        settings = {key: value for key, value in keywords.items() if key not in OF_FLOWER}
        self.rule, self._judge = rule, Judge(rule, settings, preaggregators, f, seed, beside=OF_FLOWER)
        self.outcomes: dict[int, Outcome] = {}
        self._model: ArrayRecord | None = None
        super().__init__(**of_flower)

    def summary(self) -> None:
        """Log the settings, fedsim's first."""
        steps = [chosen.choice.name for chosen in (*self._judge.preaggregators, self._judge.rule)]
        log(INFO, "\t├──> fedsim: %s, f = %s", " → ".join(steps), self._judge.f)
        super().summary()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """FedAvg's messages; what clients are sent is what their answers are compared with."""
        self._model = arrays
        return super().configure_train(server_round, arrays, config, grid)  # type: ignore[no-any-return]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The model that the rule makes of the replies, or None where it cannot, and the metrics of the round."""
        messages = list(replies)
        failed = [message for message in messages if message.has_error()]
        valid = [message for message in messages if not message.has_error()]
        if self._model is None:
            raise RuntimeError("aggregate_train before configure_train: there is nothing to compare replies with")
        if not valid:
            return None, None
        readable, unreadable = self._read(valid)
        model = {name: array.numpy() for name, array in self._model.items()}
        outcome = self._judge.judge(server_round, model, [reply for reply, _ in readable], unreadable)
        self.outcomes[server_round] = outcome
        self._say(server_round, outcome, failed)
        heard = {*outcome.clients}
        metrics = self._averaged([content for reply, content in readable if reply.client in heard])
        metrics |= _told(outcome, len(failed))
        arrays = None if outcome.arrays is None else _record(outcome.arrays)
        return arrays, MetricRecord(metrics)

    def _read(self, messages: Iterable[Message]) -> tuple[list[tuple[Reply, RecordDict]], dict[int, str]]:
        """The replies that can be read, and of the others why not: a client alone must not end the run."""
        readable, unreadable = [], {}
        for message in messages:
            client = int(message.metadata.src_node_id)
            try:
                readable.append((self._reply(client, message.content), message.content))
            except Exception as error:  # whatever a client may send
                unreadable[client] = f"it cannot be read: {error}"
        return readable, unreadable

    def _reply(self, client: int, content: RecordDict) -> Reply:
        records, metrics = [*content.array_records.values()], [*content.metric_records.values()]
        if len(records) != 1 or len(metrics) != 1:
            raise ValueError(f"it holds {len(records)} ArrayRecords and {len(metrics)} MetricRecords, not one of each")
        examples = metrics[0].get(self.weighted_by_key)
        if not isinstance(examples, int | float) or not (0 < examples <= MOST_EXAMPLES and math.isfinite(examples)):
            raise ValueError(f"its `{self.weighted_by_key}` is {examples!r}, not a number of examples")
        return Reply(client, {name: array.numpy() for name, array in records[0].items()}, max(1, round(examples)))

    def _averaged(self, contents: Sequence[RecordDict]) -> dict[str, Any]:
        """The clients' own metrics, of those that report what most do, as FedAvg averages them."""
        forms = [_form(next(iter(each.metric_records.values()))) for each in contents]
        usual = Counter(forms).most_common(1)[0][0] if forms else ()
        alike = [each for each, form in zip(contents, forms, strict=True) if form == usual]
        return dict(self.train_metrics_aggr_fn(alike, self.weighted_by_key)) if alike else {}

    def _say(self, round: int, outcome: Outcome, failed: Sequence[Message]) -> None:
        for message in failed:
            log(WARNING, "round %s: node %s failed: %s", round, message.metadata.src_node_id, message.error.reason)
        for client, why in outcome.refused.items():
            log(WARNING, "round %s: the reply of node %s is set aside: %s", round, client, why)
        if outcome.skipped:
            log(WARNING, "round %s: the model stays as it is: %s", round, outcome.skipped)


def _form(metrics: MetricRecord) -> tuple[tuple[str, int], ...]:
    """The metrics that a client reports by name, each with how many numbers it is."""
    return tuple(sorted((name, len(value) if isinstance(value, list) else -1) for name, value in metrics.items()))


def _told(outcome: Outcome, failed: int) -> dict[str, Any]:
    """What the rule did, as Flower keeps metrics: numbers and lists of numbers."""
    counted = {} if outcome.f is None else {"fedsim-f": outcome.f}
    return {
        "fedsim-clients": [*outcome.clients],
        "fedsim-weights": [*outcome.weights],
        "fedsim-kept": sum(weight > 0 for weight in outcome.weights),
        "fedsim-refused": [*outcome.refused],
        "fedsim-failed": failed,
        "fedsim-skipped": int(bool(outcome.skipped)),
        **counted,
    }


def _record(arrays: dict[str, Any]) -> ArrayRecord:
    return ArrayRecord({name: Array(array) for name, array in arrays.items()})

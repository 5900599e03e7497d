"""A rule of fedsim's as a strategy of Flower's, in Flower's own simulation: eight clients, two of whom lie.

Needs `pip install "fedsim-byzantine[flower]"`.
"""

import numpy as np

try:
    from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp
    from flwr.serverapp import Grid, ServerApp
    from flwr.simulation import run_simulation

    from fedsim.integrations.flower import RobustStrategy
except ImportError as error:
    print(f"nothing to show: {error}")
    raise SystemExit(0) from None

TRUTH = np.arange(5, dtype=np.float32)
client, server = ClientApp(), ServerApp()


@client.train()
def train(message: Message, context: Context) -> Message:
    mine, model = context.node_config["partition-id"], message.content["arrays"]["w"].numpy()
    step = 0.5 * (TRUTH - model)  # a client's training; two of them answer with the opposite, and more of it
    arrays = ArrayRecord({"w": Array(model - 30 * step if mine < 2 else model + step)})
    return Message(RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 10})}), reply_to=message)


@server.main()
def main(grid: Grid, context: Context) -> None:  # noqa: ARG001 - Flower gives both
    strategy = RobustStrategy("multi_krum", f=2, preaggregators=[("nnm", {})], fraction_evaluate=0.0)
    result = strategy.start(grid=grid, initial_arrays=ArrayRecord({"w": Array(np.zeros_like(TRUTH))}), num_rounds=5)
    print("the model", result.arrays["w"].numpy().round(2), "of", TRUTH)
    print("the weights", np.round(strategy.outcomes[5].weights, 2))


if __name__ == "__main__":
    run_simulation(server, client, num_supernodes=8)

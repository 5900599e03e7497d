"""Two rules on the same data, cohorts and batches: what each makes of an attack."""

import fedsim

for rule in ("fedavg", "median"):
    scenario = fedsim.load_scenario("smoke", [f"aggregator={rule}", "execution.workers=1"])
    *_, last = fedsim.simulate(scenario)
    print(f"{rule:<8} final accuracy {last.final:.3f}, weight on Byzantine rows {last.byzantine_weight:.2f}")

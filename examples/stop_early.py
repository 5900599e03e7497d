"""Stop as soon as the model is good enough: stopping is leaving the loop."""

import fedsim

scenario = fedsim.load_scenario("smoke", ["rounds=20", "execution.workers=1"])
with fedsim.simulate(scenario) as simulation:
    for event in simulation:
        if isinstance(event, fedsim.events.RoundEnded):
            print(event.round, event.accuracy)
            if event.accuracy is not None and event.accuracy > 0.5:
                break

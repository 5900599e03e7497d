"""The catalogue: every name that the papers and packages of the field ask for is known, under it or as another."""

import pytest

from fedsim.registry import registries

CATALOGUE = {
    "aggregators": """
        afa agmami aksel alignins async_filter auror autogm bulyan caf centered_clip cge clipped_clustering crfl
        deepsight delayed_momentum demoa dnc fedavg fedgreed fedmi flame fldetector fltrust foolsgold foundationfl
        geometric_median kardam krum lasa layerwise lfighter mandera mda mean meamed median medoid monna multi_krum
        norm_bound one_mean phocas rlr sign_majority signguard smea trimmed_mean weak_dp zeno zeno_plus
    """,
    "preaggregators": "arc basgd bucketing clip nnm staleness_scaling",
    "attacks": """
        alie alternating_minimisation backdoor_critical_layers backdoor_distributed backdoor_edge_case backdoor_pixel
        data edge_case fang_krum fang_trim feature_noise gaussian inf ipm label_flip mimic min_max min_sum model
        model_replacement nan neurotoxin noise optimal_alie optimal_ipm poisonedfl random_weights rop scale
        sensitivity_curve sign_flip small_perturbation zero
    """,
    "datasets": "cifar10 digits emnist fashion_mnist femnist glyphs kmnist mnist",
    "partitions": "by_writer dirichlet gamma iid quantity shards virtual",
    "models": "cnn femnist_cnn lenet5 logistic mlp resnet18_gn",
    "optimizers": "adam sgd",
    "local_algorithms": "fedavg fedprox fedsgd",
}


@pytest.mark.parametrize("family", CATALOGUE)
def test_every_name_is_known(family):
    assert [name for name in CATALOGUE[family].split() if name not in registries()[family]] == []


def test_a_name_means_one_algorithm_of_its_family():
    for registry in registries().values():
        names = [name for entry in registry for name in (entry.name, *entry.aliases)]
        assert len(names) == len(set(names))

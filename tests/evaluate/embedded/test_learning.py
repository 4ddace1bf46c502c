import torch
from torch import nn

from audiostory.evaluate.embedded.detector_training import DetectorTraining
from audiostory.evaluate.embedded.learning import follow, learn
from tests.evaluate.embedded.small import detector


def test_an_average_moves_towards_the_weights():
    network = detector()
    average = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    follow(average, network, 0.75)
    name = "classify.1.weight"
    assert torch.allclose(average[name], 0.25 * network.state_dict()[name])


def test_what_is_left_is_the_average_of_what_was_learnt(tmp_path):
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 3.0)
    schedule = DetectorTraining(steps=300, learning_rate=0.1, weight_decay=0.0, average=0.9)
    learn(
        network,
        lambda step: network.weight.square().sum(),
        schedule,
        tmp_path / "run.pt",
        material="",
    )
    assert abs(float(network.weight.detach())) < 0.1
    assert not network.training
    kept = torch.load(tmp_path / "run.pt", weights_only=True)
    assert torch.equal(kept["average"]["weight"], network.weight)

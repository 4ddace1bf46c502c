from dataclasses import replace

from audiostory.evaluate.embedded.columns import embedded_metrics
from audiostory.evaluate.encoders.yamnet import load_yamnet
from tests.evaluate.embedded.small import evaluator
from tests.evaluate.tracks import noise


def test_numbers_of_the_embedded_evaluator_have_names_and_a_section_of_their_own():
    own = evaluator()
    metrics = [*embedded_metrics(own.tagger.card), *embedded_metrics(own.shared_space.card)]
    assert len(metrics) == 4
    for metric in metrics:
        assert metric.column.section == "embedded"
        assert metric.column.key.startswith("embedded_")
        assert metric.column.title.startswith("embedded ")


def test_they_can_be_computed_of_what_it_hears():
    own = evaluator()
    for encoder in (own.tagger, own.shared_space):
        heard = [encoder.hear(noise(3.0, seed)) for seed in range(4)]
        for metric in embedded_metrics(encoder.card):
            value = metric.value(heard, heard)
            assert value >= -1e-4 or metric.column.key == "embedded_kad"


def test_other_encoders_serve_none_of_them():
    assert embedded_metrics(replace(evaluator().tagger.card, name="vggish")) == ()


def test_yamnets_stand_beside_them_under_its_name():
    yamnet = load_yamnet()
    heard = [yamnet.hear(noise(2.0, seed)) for seed in range(3)]
    metrics = embedded_metrics(yamnet.card)
    titles = [metric.column.title for metric in metrics]
    assert titles == ["KAD (YAMNet)", "KL (YAMNet)", "IS (YAMNet)"]
    for metric in metrics:
        assert metric.column.section == "embedded"
        assert metric.value(heard, heard) >= -1e-3 or metric.column.key == "yamnet_kad"

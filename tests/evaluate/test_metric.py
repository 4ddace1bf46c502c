from audiostory.evaluate.metric import Column, Subject
from tests.evaluate.tracks import features, item, tone


def test_a_subject_hears_its_track_through_the_encoder_it_is_asked_for():
    asked = []

    def hear(name):
        asked.append(name)
        return features([[1.0, 2.0]])

    subject = Subject(item=item("a"), waveform=tone(1.0), plan=None, features_of=hear)
    assert subject.features_of("vggish").embeddings.tolist() == [[1.0, 2.0]]
    assert asked == ["vggish"]


def test_a_column_says_which_way_is_better():
    assert Column(key="fad", title="FAD", better="lower").section == "quality"

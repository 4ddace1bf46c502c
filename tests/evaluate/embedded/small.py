"""Small networks of the embedded evaluator, and word vectors of a few words, for tests."""

from dataclasses import replace
from functools import cache

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from audiostory.evaluate.embedded.detector import DetectorConfig, SoundDetector
from audiostory.evaluate.embedded.evaluator import EmbeddedEvaluator, EvaluatorConfig
from audiostory.evaluate.embedded.moments import MomentHearing, shipped_hearing
from audiostory.evaluate.embedded.text_audio import TextAudioConfig, TextAudioNetwork
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.evaluate.encoders.yamnet import YAMNet, YAMNetConfig
from audiostory.models.seeding import seeded

WORDS = ("[UNK]", "a", "bell", "rain", "toy", "rings", "falls", "and", "take", "0", "1", "2")
WIDTH = 16
YAMNET = YAMNetConfig(first_width=4, blocks=((8, 1), (16, 2), (WIDTH, 2)), num_classes=3)
DETECTOR = DetectorConfig(
    groups=("bell", "rain", "toy"), feature_width=WIDTH, width=8, window=4, hop=2
)
TEXT_AUDIO = TextAudioConfig(
    feature_width=WIDTH,
    sound_width=16,
    word_width=8,
    text_width=16,
    dimension=8,
    window=4,
    hop=2,
)


def tokenizer() -> Tokenizer:
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def words() -> WordVectors:
    vectors = torch.randn(len(WORDS), 8, generator=torch.Generator().manual_seed(1))
    return WordVectors(tokenizer(), vectors)


@cache
def hearing() -> MomentHearing:
    with seeded(torch.Generator().manual_seed(5)):
        return MomentHearing(YAMNet(YAMNET), "small")


def detector() -> SoundDetector:
    with seeded(torch.Generator().manual_seed(2)):
        return SoundDetector(DETECTOR).eval()


def network() -> TextAudioNetwork:
    with seeded(torch.Generator().manual_seed(3)):
        return TextAudioNetwork(TEXT_AUDIO, words()).eval()


def evaluator() -> EmbeddedEvaluator:
    return _behind(hearing(), DETECTOR, TEXT_AUDIO)


def evaluator_behind_yamnet() -> EmbeddedEvaluator:
    """One that can be loaded without naming a hearing."""
    own = shipped_hearing()
    width = YAMNetConfig().width
    return _behind(
        own, replace(DETECTOR, feature_width=width), replace(TEXT_AUDIO, feature_width=width)
    )


def _behind(
    own: MomentHearing, detector_config: DetectorConfig, text_audio_config: TextAudioConfig
) -> EmbeddedEvaluator:
    config = EvaluatorConfig(
        version="test",
        hearing=own.digest,
        detector=detector_config,
        text_audio=text_audio_config,
        thresholds=(0.4, 0.5, 0.6),
    )
    with seeded(torch.Generator().manual_seed(4)):
        networks = SoundDetector(detector_config), TextAudioNetwork(text_audio_config, words())
    return EmbeddedEvaluator(config, networks[0].eval(), networks[1].eval(), own)

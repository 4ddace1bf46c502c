"""Small networks of the embedded evaluator, and word vectors of a few words, for tests."""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from audiostory.evaluate.embedded.detector import DetectorConfig, SoundDetector
from audiostory.evaluate.embedded.evaluator import EmbeddedEvaluator, EvaluatorConfig
from audiostory.evaluate.embedded.text_audio import TextAudioConfig, TextAudioNetwork
from audiostory.evaluate.embedded.words import WordVectors
from audiostory.models.seeding import seeded

WORDS = ("[UNK]", "a", "bell", "rain", "toy", "rings", "falls", "and", "take", "0", "1", "2")
DETECTOR = DetectorConfig(
    groups=("bell", "rain", "toy"),
    widths=(4, 8, 8),
    width=16,
    dilations=(1, 2),
    window_s=1.28,
    hop_s=0.64,
)
TEXT_AUDIO = TextAudioConfig(
    widths=(4, 8), word_width=8, hidden_width=16, dimension=8, window_s=1.28, hop_s=0.64
)


def tokenizer() -> Tokenizer:
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def words() -> WordVectors:
    vectors = torch.randn(len(WORDS), 8, generator=torch.Generator().manual_seed(1))
    return WordVectors(tokenizer(), vectors)


def detector() -> SoundDetector:
    with seeded(torch.Generator().manual_seed(2)):
        return SoundDetector(DETECTOR).eval()


def network() -> TextAudioNetwork:
    with seeded(torch.Generator().manual_seed(3)):
        return TextAudioNetwork(TEXT_AUDIO, words()).eval()


def evaluator() -> EmbeddedEvaluator:
    config = EvaluatorConfig(
        version="test", detector=DETECTOR, text_audio=TEXT_AUDIO, thresholds=(0.4, 0.5, 0.6)
    )
    return EmbeddedEvaluator(config, detector(), network())

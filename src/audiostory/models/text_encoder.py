"""The frozen text encoder: words to features, one per token.

It is the text side of the bridge: semantic tokens are regressed onto its features (Eq. 3), and
its features of the empty text are the release's null condition. The release has Flan-T5-large;
``nano`` is taught by all-MiniLM-L6-v2. Training alone needs one; generating does not.

Shapes: ``B`` texts, ``L`` tokens, ``D`` the encoder's width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, BertModel, PreTrainedModel, T5EncoderModel

from audiostory.errors import CheckpointError, InstructionError

ALL_MINILM_L6_V2_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""``model.safetensors`` of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), nano's teacher."""

NETWORKS: dict[str, type[PreTrainedModel]] = {"t5": T5EncoderModel, "bert": BertModel}
"""The encoders that can teach, by the ``model_type`` of their folder's ``config.json``."""


class TextEncoder(nn.Module):
    """A frozen encoder with its tokenizer; always in evaluation mode.

    Args:
        network: the encoder proper; its parameters are frozen here.
        tokenizer: text to ids, special tokens added; padding and truncation set in it are undone.
        max_tokens: the longest text it may be asked for.
    """

    def __init__(
        self, network: PreTrainedModel, tokenizer: Tokenizer, *, max_tokens: int = 512
    ) -> None:
        super().__init__()
        self.network = network.requires_grad_(requires_grad=False)
        self.max_tokens = max_tokens
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._pad_id: int = network.config.pad_token_id
        self.eval()

    @classmethod
    def from_folder(
        cls, folder: Path | str, *, sha256: str | None = None, max_tokens: int = 512
    ) -> TextEncoder:
        """The encoder in a folder of ``config.json``, ``tokenizer.json`` and safetensors weights.

        Nothing is downloaded and no pickle is read.

        Args:
            folder: as ``huggingface-cli download --local-dir`` or ``save_pretrained`` makes it.
            sha256: what ``model.safetensors`` must hash to; None takes any weights.
            max_tokens: the longest text it may be asked for.

        Raises:
            CheckpointError: if a file is missing, of another kind, incomplete, or hashes otherwise.
        """
        folder = Path(folder)
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            if not (folder / name).is_file():
                raise CheckpointError(f"no {name} in {folder}: name the folder of a text encoder")
        if sha256 is not None:
            _check_hash(folder / "model.safetensors", sha256)
        network = _load_network(folder)
        return cls(network, tokenizer_in(folder, network), max_tokens=max_tokens)

    @property
    def width(self) -> int:
        """Values in one feature."""
        return self.network.config.hidden_size

    def train(self, mode: bool = True) -> TextEncoder:  # noqa: FBT001, FBT002
        """Stay in evaluation mode: a teacher does not drop anything out."""
        del mode
        return super().train(mode=False)

    @torch.no_grad()
    def features(self, texts: Sequence[str], *, num_tokens: int = 0) -> tuple[Tensor, Tensor]:
        """Features ``(B, L, D)`` of texts and the mask ``(B, L)`` of their real tokens.

        Args:
            texts: at least one; the empty text has features too.
            num_tokens: pad to at least that many tokens. Padded positions carry values too, those
                an encoder gives when nothing looks at them.

        Raises:
            InstructionError: if a text has more than ``max_tokens`` tokens.
        """
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        longest = max(len(row) for row in ids)
        if longest > self.max_tokens:
            index = [len(row) for row in ids].index(longest)
            raise InstructionError(
                f"text {index + 1} of {len(ids)} has {longest} tokens, the text encoder reads "
                f"{self.max_tokens}: shorten {texts[index][:40]!r}..."
            )
        shape = (len(ids), max(longest, num_tokens))
        ids_BL = torch.full(shape, self._pad_id)
        mask_BL = torch.zeros(shape, dtype=torch.bool)
        for row, values in enumerate(ids):
            ids_BL[row, : len(values)] = torch.tensor(values)
            mask_BL[row, : len(values)] = True
        device = self.network.device
        return self.encode(ids_BL.to(device), mask_BL.to(device)), mask_BL.to(device)

    @torch.no_grad()
    def encode(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Features ``(B, L, D)`` of token ids; the mask is true on real tokens."""
        output: Any = self.network(input_ids=ids_BL, attention_mask=mask_BL.long())
        return output.last_hidden_state

    def null_features(self, num_tokens: int) -> Tensor:
        """Features ``(1, num_tokens, D)`` of the empty text, padded positions and all.

        This is the release's null condition for guidance: it uses every position.
        """
        features_1LD, _ = self.features([""], num_tokens=num_tokens)
        return features_1LD


def tokenizer_in(folder: Path, network: PreTrainedModel) -> Tokenizer:
    """The tokenizer beside an encoder.

    Raises:
        CheckpointError: if it has more ids than the encoder has rows.
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    num_ids, num_rows = tokenizer.get_vocab_size(), network.config.vocab_size
    if num_ids > num_rows:
        raise CheckpointError(
            f"the tokenizer in {folder} has {num_ids} ids, the encoder {num_rows} rows: they do "
            "not belong together"
        )
    return tokenizer


def _check_hash(file: Path, sha256: str) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != sha256:
        raise CheckpointError(f"{file} has sha256 {found}, expected {sha256}: fetch it again")


def _load_network(folder: Path) -> PreTrainedModel:
    """The encoder's network with every weight read from the folder, float32."""
    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    if kind not in NETWORKS:
        raise CheckpointError(
            f"{folder} holds a {kind!r} model; text encoders are {', '.join(NETWORKS)}"
        )
    loaded = NETWORKS[kind].from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        dtype=torch.float32,
    )
    network, info = cast(tuple[PreTrainedModel, dict[str, Any]], loaded)
    lacking = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if lacking:
        raise CheckpointError(f"{folder} lacks weights or has misshapen ones: {', '.join(lacking)}")
    return network

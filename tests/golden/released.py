"""What the released inference does as a whole: prompts, decoding, joins, from end to end."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor

from audiostory.audio.crossfade import linear_crossfade
from audiostory.generate.released.clips import ReleasedStory, extract
from audiostory.generate.released.decoding import (
    LOOKAHEADS,
    Decoded,
    DecodingRules,
    ForcedRun,
    decode,
    end_ids_of,
    forced_runs,
)
from audiostory.generate.released.pipeline import ReleasedPipeline
from audiostory.generate.released.plan import durations_of
from audiostory.generate.released.sound import SCHEDULES, ReleasedRenderer, ReleasedSettings
from audiostory.models.audiostory import AudioStoryConfig, AudioStoryModel
from audiostory.models.bridge import Bridge, BridgeConfig
from audiostory.models.checkpoint import name_of_release
from audiostory.models.tokenizer import StoryTokenizer
from audiostory.story.lead_phrases import LEAD_PHRASES, lead_phrase, released_instruction
from audiostory.story.prompt import chat_prompt
from audiostory.story.tokens import SpecialTokens
from tests.golden.case import Case, Comparison
from tests.golden.language import language_model, llm_config
from tests.golden.networks import diffusion_transformer, text_encoder
from tests.golden.sounds import autoencoder

OURS = "bridge."


def prompt_build(case: Case, compare: Comparison) -> None:
    drawn = {int(seed): index for seed, index in case.about["seed_to_lead_index"].items()}
    for seed, index in drawn.items():
        compare.equal(f"seed {seed}", LEAD_PHRASES.index(lead_phrase(seed)), index)
    seed_of = {LEAD_PHRASES.index(lead_phrase(seed)): seed for seed in range(500)}
    for row in case.about["rows"]:
        told = released_instruction(
            row["caption"], row["total_duration"], seed_of[row["lead_index"]]
        )
        compare.equal("instruction", told, row["instruction"])
        compare.equal("prompt", chat_prompt(told), row["prompt"])
    direct = case.about["direct_instruction_prompt"]
    compare.equal("direct prompt", chat_prompt(direct["instruction"]), direct["prompt"])


def logits_processors(case: Case, compare: Comparison) -> None:
    ids, given = case.about["token_ids"], case.tensors
    runs = [
        _run(ids, "t5", case.about["num_t5"]),
        _run(ids, "aud", case.about["num_aud"]),
    ]
    for kind in ("", "_neg"):
        rows: list[Tensor] = []
        for ids_L, scores_V in zip(given["in/input_ids"], given[f"in/scores{kind}"], strict=True):
            for run in runs:
                scores_V = run.scores_after(scores_V, int(ids_L[-1]))
            rows.append(scores_V)
        scores_BV = torch.stack(rows)
        compare.close(f"out/scores{kind}", scores_BV)
        compare.equal(f"argmax{kind}", scores_BV.argmax(dim=1), given[f"out/argmax{kind}"])


def _run(ids: dict[str, int], name: str, count: int) -> ForcedRun:
    numbered = (f"<{name}_{index:05d}>" for index in range(count))
    return ForcedRun(tuple(ids[token] for token in (f"<{name}>", *numbered, f"</{name}>")))


def crossfade(case: Case, compare: Comparison) -> None:
    for row in case.about["rows"]:
        number = row["set"]
        clips = [case.tensors[f"in/{number}/clip{k}"].numpy() for k in range(row["n_clips"])]
        track = linear_crossfade(clips, row["sample_rate"], row["transition_sec"]).samples
        if clips:
            compare.close(f"out/{number}", torch.from_numpy(track))
        compare.equal(f"{number}: samples", track.shape[-1], row["out_shape"][-1])


@torch.no_grad()
def llm_generate(case: Case, compare: Comparison) -> None:
    about = case.about
    llm = language_model(about, case.weights)
    tokenizer, tokens, bridge = _tokenizer(case), _tokens(about), _bridge(case)
    compare.equal("ends", end_ids_of(tokenizer), set(about["eos_token_ids"]))
    for token, index in about["special_ids"].items():
        compare.equal(token, tokenizer.token_id(token), index)
    for run in about["runs"]:
        changes = dict(run["generation_config_overrides"])
        rules = DecodingRules(
            runs=forced_runs(tokenizer, tokens),
            end_ids=end_ids_of(tokenizer),
            repetition_penalty=changes.pop("repetition_penalty", 1.0),
            max_new_tokens=run["max_new_tokens"],
        )
        compare.equal(f"run {run['run']}: other changes", changes, {})
        prompt_ids = tokenizer.encode(run["prompt"])
        for ahead in LOOKAHEADS.values():
            decoded = decode(llm, prompt_ids, rules, ahead)
            compare_decoded(compare, f"run{run['run']}/", prompt_ids, decoded)
            compare.equal(f"run {run['run']}", tokenizer.decode(decoded.ids), run["decoded"])
            story = extract(decoded, tokenizer, tokens)
            compare.equal(f"run {run['run']}: lost", story.is_lost_by_release, run["returns_none"])
            if not run["returns_none"]:
                compare_story(compare, run, story, bridge)


def compare_decoded(
    compare: Comparison, prefix: str, prompt_ids: list[int], decoded: Decoded
) -> None:
    """Compare the ids that were read and written."""
    given = compare.case.tensors
    compare.equal("prompt_ids", torch.tensor(prompt_ids), given[f"{prefix}in/prompt_ids"])
    sequence = torch.tensor([*prompt_ids, *decoded.ids])
    compare.equal("sequence", sequence, given[f"{prefix}out/sequence"])


def compare_story(
    compare: Comparison, run: dict[str, Any], story: ReleasedStory, bridge: Bridge
) -> None:
    """Compare what is taken out of the text of a run that the release does not lose."""
    prefix = f"run{run['run']}/out/"
    compare.equal("captions", [clip.text for clip in story.clips], run["captions"])
    compare.equal("reasoning", story.reasoning, run["reasoning"])
    parsed = [[clip.caption, clip.duration_s] for clip in story.clips]
    compare.equal("parsed", parsed, run["parsed"])
    semantic_BSD, residual_BRD = story.hidden
    compare.close(f"{prefix}t5_hidden", semantic_BSD)
    compare.close(f"{prefix}aud_hidden", residual_BRD)
    tokens = bridge.read(semantic_BSD, residual_BRD)
    compare.close(f"{prefix}t5_projected", tokens.semantic_BSD)
    compare.close(f"{prefix}aud_projected", tokens.residual_BRD)


@torch.no_grad()
def end_to_end(case: Case, compare: Comparison) -> None:
    about, asked = case.about, case.about["official_cli"]
    model, tokenizer = audiostory_model(case), _tokenizer(case)
    told = released_instruction(asked["generated_caption"], asked["total_duration"], asked["seed"])
    compare.equal("prompt", chat_prompt(told), about["prompt"])
    compare.equal("ends", end_ids_of(tokenizer), set(about["eos_token_ids"]))
    for schedule in SCHEDULES:
        settings = ReleasedSettings(
            max_new_tokens=asked["max_new_tokens"],
            repetition_penalty=about["repetition_penalty"],
            lead_phrase_seed=asked["seed"],
            steps=about["num_inference_steps"],
            guidance_scale=asked["guidance"],
            noise_seed=about["noise_seed"],
            target_rate_hz=asked["target_sr"],
            crossfade_s=asked["crossfade_sec"],
            schedule=schedule,
        )
        pipeline = ReleasedPipeline(
            model, tokenizer, name="recorded", fingerprint="", settings=settings
        )
        compare_narration(compare, pipeline, told)


def compare_narration(compare: Comparison, pipeline: ReleasedPipeline, told: str) -> None:
    """Compare every step from an instruction's text to the track."""
    about, model, tokenizer = compare.case.about, pipeline.model, pipeline.tokenizer
    prompt_ids = tokenizer.encode(chat_prompt(told))
    ahead = SCHEDULES[pipeline.settings.schedule].ahead
    decoded = decode(model.llm, prompt_ids, pipeline.rules, ahead)
    compare_decoded(compare, "", prompt_ids, decoded)
    compare.equal("decoded", tokenizer.decode(decoded.ids), about["decoded"])
    story = pipeline.write(told)
    compare.equal("captions", [clip.text for clip in story.clips], about["captions"])
    compare.equal("reasoning", story.reasoning, about["reasoning"])
    tokens = model.bridge.read(*story.hidden)
    compare.close("out/t5_projected", tokens.semantic_BSD)
    compare.close("out/aud_projected", tokens.residual_BRD)
    condition, durations_s = pipeline.condition(story), durations_of(story)
    renderer = ReleasedRenderer(model, pipeline.settings)
    compare.close("in/initial_noise", renderer.noise())
    lengths_s = renderer.lengths_s(durations_s)
    segments = [
        {"content": clip.caption, "duration_passed_to_dit": length_s}
        for clip, length_s in zip(story.clips, lengths_s, strict=True)
    ]
    compare.equal("segments", segments, about["segments"])
    for index, length_s in enumerate(lengths_s):
        one = condition.clip(index)
        compare.close(f"out/{index}/fused", one.tokens_BSD)
        compare.close(f"out/{index}/latents", renderer.latents(one, [length_s]))
    track = renderer.track(list(renderer.clips(condition, durations_s))).samples
    compare.close("out/wav", torch.from_numpy(track))


def audiostory_model(case: Case) -> AudioStoryModel:
    """A whole model of a manifest's sizes with the recorded weights."""
    about, llm = case.about, llm_config(case.about)
    bridge, tokens = _bridge(case), _tokens(about)
    dit = diffusion_transformer(about["flux_t5_config"], case.weights)
    codec = autoencoder(about["vae_config"], case.weights_under("vae."))
    teacher = text_encoder(about["t5_config"], case.weights)
    bridge.set_null(teacher.null_features(tokens.num_semantic)[0])
    config = AudioStoryConfig(
        name="recorded",
        llm=llm,
        bridge=bridge.config,
        dit=dit.config,
        codec=codec.config,
        tokens=tokens,
    )
    model = AudioStoryModel(config)
    model.llm = language_model(about, case.weights)
    model.bridge, model.dit, model.codec = bridge, dit, codec
    return model.eval()


def _bridge(case: Case) -> Bridge:
    """The projectors and, where it is recorded, the fuser."""
    about, ours = case.about, {}
    for released, weight in case.weights.items():
        name = None if released.startswith("vae.") else name_of_release(released)
        if name is not None and name.startswith(OURS):
            ours[name.removeprefix(OURS)] = weight
    width, llm_width = ours["semantic_head.0.weight"].shape
    bridge = Bridge(
        BridgeConfig(
            llm_width=llm_width,
            width=width,
            num_semantic=about["num_t5_tokens"],
            num_residual=about["num_aud_tokens"],
            feature_scale=about["t5_feature_scale"],
            learned_null=False,
        )
    )
    missing, unexpected = bridge.load_state_dict(ours, strict=False)
    untold = [name for name in missing if name.startswith("fuser.")]  # where nothing is fused
    assert not unexpected, unexpected
    assert missing in (["null_condition"], ["null_condition", *untold]), missing
    return bridge.eval()


def _tokenizer(case: Case) -> StoryTokenizer:
    return StoryTokenizer.from_bytes(json.dumps(case.about["tokenizer_json"]).encode())


def _tokens(about: dict[str, Any]) -> SpecialTokens:
    num_semantic, num_residual = about["num_t5_tokens"], about["num_aud_tokens"]
    return SpecialTokens(
        num_semantic=num_semantic,
        num_residual=num_residual,
        num_semantic_vocab=num_semantic,
        num_residual_vocab=num_residual,
    )


KINDS = {
    "prompt_build": prompt_build,
    "logits_processors": logits_processors,
    "crossfade": crossfade,
    "llm_generate": llm_generate,
    "end_to_end": end_to_end,
}

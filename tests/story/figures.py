r"""Reasoning and captions as the paper's figures print them, put together in the form of Eq. 1.

Line breaks that a figure prints as ``\n`` are real ones here, except in ``FIGURE_5_AS_PRINTED``.
Captions are shortened; layouts, times and punctuation are the figures' own.
"""

from __future__ import annotations


def told(reasoning: str, *captions: str) -> str:
    """Reasoning and captions with the markers of Eq. 1 around them."""
    clips = "".join(f"<|gen|>{caption}<|/gen|>" for caption in captions)
    return f"{reasoning}<|/think|>{clips}<|im_end|>"


# Event 3, which the figure replaces by dots, is filled in; the count stands after the events there.
FIGURE_1 = told(
    """The storyline is mainly about: Tom menacingly laughs as Jerry runs and
hides in a mouse hole. Tom waits patiently while Jerry cautiously re-emerges.

Event 1: Timestamp: 0.0s - 1.1s. Tom corners Jerry, instilling fear in him.
Story detail: Tom has a menacing appearance, suggesting a threatening
situation. Sound effect: Sharp, sudden dissonant chord emphasizing Tom's
terrifying presence and sinister laugh.

Event 2: Timestamp: 1.1s -10.8s. Jerry escapes into a mouse hole, leading
to a chase. Story detail: Jerry frantically runs away from Tom, diving into
the safe haven of a mouse hole. Sound effect: Fast-tempo, high-energy
orchestral piece.

Event 3: Timestamp: 10.8s - 22.1s. Tom waits. Story detail: Tom lurks. Sound effect: Low strings.

Event 4: Timestamp: 22.1s - 31.6s. Jerry cleverly emerges from an
electrical outlet cover. Story detail: Jerry peeks out cautiously from an
unexpected exit, ensuring it's safe before coming out. Sound effect: Light,
inquisitive strings.

The whole story can be divided into 4 sequential parts.
""",
    "A chord. <timestamp>1.1</timestamp>",
    "A chase. <timestamp>9.7</timestamp>",
    "Low strings. <timestamp>11.3</timestamp>",
    "Light strings. <timestamp>9.5</timestamp>",
)

FIGURE_3 = told(
    """The caption can be divided into four points:

1. **[0.0, 9.8]**
 - **Story Details**: A woman chews food slowly and deliberately.
 - **Sound Effects**: Wet, rhythmic chewing sounds.

2. **[9.8, 12.8]**
 - **Story Details**: She examines a package or wrapper briefly.
 - **Sound Effects**: Crisp rustling of a plastic bag or wrapper.

3. **[12.8, 25.5]**
 - **Story Details**: She taps and inspects the surface of a marshmallow delicately.
 - **Sound Effects**: Soft tapping and rubbing sounds.

4. **[25.5, 38.5]**
 - **Story Details**: She holds a marshmallow near her mouth, lips slightly moving.
 - **Sound Effects**: Soft lip-smacking and mouth-opening sounds.""",
    "Wet, close-miked chewing sounds, distinct and slightly squelchy. <timestamp>9.8</timestamp>",
    "A brief, crisp rustling sound, moderately loud. \n<timestamp>3.0</timestamp>",
    "Soft tapping and rubbing sounds with a muffled, airy quality. <timestamp>12.7</timestamp>",
    "Soft, subtle lip-smacking and mouth-opening sounds, quiet. <timestamp>13.0</timestamp>",
)

FIGURE_4 = told(
    """The caption can be divided into five points.

1. **Initial Wake-Up: ** [0.0s – 5.1s]
 - **Story Detail:** Snoopy is awakened from a deep sleep near his snuffing fire.
 - **Derived Sound Effects:** Deep chuckle, enthusiastic 'Aha!', toffee toot, sigh of relief.

2. **Woodstock's Burial Attempt:** [5.1s – 19.5s]
 - **Story Detail:** Woodstock tries to bury a sack, causing Snoopy to wake up.
 - **Derived Sound Effects:** 'Ooh' from Snoopy, rustling of sack, brief jump.

3. **First Water Blaster Incident:** [19.5s – 26.8s]
 - **Story Detail:** A hose inflates and blasts Snoopy with water.
 - **Derived Sound Effects:** 'Ah!' from Snoopy, air-filled hose blowing.

4. **Cautious Reappearance:** [26.8s – 38.2s]
 - **Story Detail:** Snoopy cautiously reappears after being hit by the hose.
 - **Derived Sound Effects:** Brief reaction, sudden launch from hose, explosive water spray.

5. **Final Appearance:** [38.2s – 41.6s]
 - **Story Detail:** Snoopy emerges again from his doghouse, surprised by another blast.
 - **Derived Sound Effects:** 'Ah!', sudden launch from hose, forceful water spray.""",
    r"A soft and gentle orchestral score typical of classic cartoons. <timestamp>5.1<\timestamp>",
    r"The orchestral score slows, becoming suspenseful. <timestamp>14.4<\timestamp>",
    r"A sharp, dramatic brass hit emphasizes Snoopy‘s sudden awakening. <timestamp>7.3<\timestamp>",
    r"The music shifts to a lighter, faster - paced melody. <timestamp>7.4<\timestamp>",
    r"A dramatic crescendo leads to a massive explosion! <timestamp>3.4<\timestamp>",
)

FIGURE_5_AS_PRINTED = told(
    r""" The storyline is mainly about: Jerry escapes from tom at a dining table using quick, clever maneuvers and using a spoon and a pot lid to knock Tom
unconscious, amidst dramatic orchestral music. The video can be divided into 4 key events. \n1. Jerry‘s Arrival [0.0, 1.5]. **Story Details**: Jerry tiptoes
across a dinner table. **Sound Effects**: Light, sneaky pizzicato strings and woodwinds. \n2. Tom’s Ambush [1.5, 6.5]. **Story Details**: Tom, under a
cloche, tries to eat Jerry. **Sound Effects**: A sudden orchestral crash and tense music. \n3. Jerry‘s Counter [6.5, 9.5]. **Story Details**: Jerry ties Tom’s
tongue and hits him. **Sound Effects**: Comical xylophone runs and a sharp percussive hit. \n4. Pain and Escape [9.5, 13.5]. **Story Details**: Tom is in
pain; Jerry leaps away. **Sound Effects**: Dizzying slide whistle and a triumphant flourish.
""",  # noqa: E501
    r"Playful pizzicato strings and a sneaky clarinet melody. <timestamp>1.5<\timestamp>",
    r"A sudden, loud orchestral crash with blaring brass. <timestamp>5.0<\timestamp>",
    r"Fast-paced, comical xylophone runs and a slide whistle. <timestamp>3.0<\timestamp>",
    r"A dizzying, descending slide whistle and wobbling brass notes. <timestamp>4.0<\timestamp>",
)

FIGURE_6 = told(
    """Based on the known event of “a man speaking with an informative and engaging tone”, we can
infer that an instructor is explaining basketball moves, with the sound of shoes squeaking on the
court. Building on the first two captions, we can finally infer that the coach is intensely
practicing ball handling and shooting skills.""",
    "The whistle blows as the coach calmly describes the next move.<timestamp>13.9</timestamp>",
    "Shoes make rapid squeaking sounds on the court floor.<timestamp>12.6</timestamp>",
    "The coach continues guiding the players.<timestamp>4.5</timestamp>",
)

FIGURE_7 = told(
    """Based on the known event, it can be inferred that their intense physical conflict continues.

The battle appears unchanged, with the sounds of growls, snorts, and hoof friction continuing.

The third section logically continues with the same auditory theme.

Finally, the deep growls, snorts, and hoof friction maintain the consistent audio theme.""",
    "A clear female voice calls out, amid frequent deep grunts.<timestamp>12.6</timestamp>",
    "Frequent guttural grunts and breathy snorts from the bulls.\n<timestamp>8.9</timestamp>",
    "Deep guttural grunts, breathy snorts, shuffling hooves.<timestamp>18.4</timestamp>",
)

FIGURE_8 = told(
    r"""The caption can be divided into four points:

1. [0.0, 2.5]
 **Story Details:** The beatboxing begins indoors and transitions
outdoors with a performer giving a shout.
 **Sound Effects:** Energetic beatboxing, voice saying \"Yoh!\", camera movement
indicating a change in location.

2. [2.5, 21.5]
 **Story Details:** A young man starts beatboxing complex rhythmic patterns,
intensifies with \"skrrt\", and ends with a punchline.
 **Sound Effects:** Complex rhythmic beatboxing, intense \"skrrt\", loud breaths,
informal ending statement.

3. [21.5, 27.5]
 **Story Details:** Audience responds with laughter and brief verbal appreciation.
 **Sound Effects:** Laughter, verbal appreciation, friendly clarification in response to an
audience member's request.

4. [27.5, 41.8]
 **Story Details:** Performer thanks the audience, introduces as Yoh!\", asks for tips,
and expresses excitement.
 **Sound Effects:** Grateful thank-you, friendly self-introduction, background noise from
phone call.""",
    r"Energetic beatboxing performance outdoors, a shout of \"Yoh!\" <timestamp>2.5</timestamp>",
    "A young man enthusiastically beatboxes. <timestamp>19.0</timestamp>",
    r"Audience laughter followed by a brief word, \"Okay.\" <timestamp>6.0</timestamp>",
    "The performer thanks the audience. <timestamp>14.3</timestamp>",
)

# the figure breaks the second pair of times over two lines
FIGURE_9 = told(
    """The caption can be divided into 4 points.

1. [0.0, 11.8]
**Story Details**: Instructor demonstrates a weak push technique leading
to hitting the net.
**Sound Effects**: Instructor's voice explaining the issue, followed by a ball hitting the net.

2. [11.8,
24.8]
**Story Details**: Instructor emphasizes the need for an upright wrist during the push.
**Sound Effects**: Consistent, fast ball
hitting sounds while demonstrating wrist movement.

3. [24.8, 37.5]
**Story Details**: Demonstrates a weak push by hitting the
table and foot repeatedly.
**Sound Effects**: Loud ball hitting sounds, and repeated crashing on
the table.

4. [37.5, 43.6]
**Story Details**: Fails miserly by hitting the ball with the paddle.
**Sound Effects**: Instructor exclaiming an error, single dramatic, high-pitched impact sound.""",
    "The ball does not.go in the hole effectively. <timestamp>11.8</timestamp>",
    "The instructor discusses the importance of an upright wrist. <timestamp>13.0</timestamp>",
    "The instructor repeats a sequence three times. <timestamp>12.7</timestamp>",
    "The instructor exclaims with surprise and amusement. <timestamp>6.1</timestamp>",
)

FIGURE_10 = told(
    """The caption can be divided into 3 points.

1. [0.0, 14.0]
 **Story Details**: Two men start performing a melancholic song.
 **Sound
Effects**: Gentle, melancholic piano melody.

2. [14.0, 36.0]
 **Story Details**: One man sings about loss, creating a reflective mood.
 **Sound Effects**: Earnest singing with steady piano music.

3. [36.0, 43.5]
 **Story Details**: A lighthearted moment with smiles
concludes the performance.
 **Sound Effects**: Brief pause in singing, followed by laughter and piano continuation.""",
    "Gentle, slightly melancholic melody played on the piano. <timestamp>14.0</timestamp>",
    "A man sings earnestly about loss and remembrance. <timestamp>22.0</timestamp>",
    "Singer briefly falters on the lyrics. <timestamp>7.5</timestamp>",
)

# The figure shows no times at all; the durations stand for those of the data set.
FIGURE_15 = told(
    """The can be divided into 3 points:

1. An emergency siren wails loudly outside.
Inference: An undulating siren wail slices through the room, prompting the dog to howl.
Derived sounds: Emergency siren, dog howl.

2. The howling dog shifts its attention.
Inference: The dog's howling session ends with a brief, high-pitched bark as it stares.
Derived sounds: Dog howl, sharp dog bark/yip.

3. Human reacts softly to the dog's actions.
Inference: A faint chuckle from the person recording responds to the dog's intense gaze.
Derived sounds: Faint human chuckle.""",
    "An undulating wail of an emergency siren penetrates the room. <timestamp>6.0</timestamp>",
    "The dog emits a sharp, high-pitched yip. <timestamp>3.5</timestamp>",
    "A faint, brief chuckle is heard. <timestamp>2.2</timestamp>",
)

FIGURES = {
    1: FIGURE_1,
    3: FIGURE_3,
    4: FIGURE_4,
    5: FIGURE_5_AS_PRINTED,
    6: FIGURE_6,
    7: FIGURE_7,
    8: FIGURE_8,
    9: FIGURE_9,
    10: FIGURE_10,
    15: FIGURE_15,
}

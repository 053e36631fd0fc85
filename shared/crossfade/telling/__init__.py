"""What a run's events add up to, and how that is said: pure, for everybody who tells people.

`Known` is the fold of a run's events; `learn` takes one more. `sentences` says it in plain words;
`tell` decides what one event is worth saying, and how urgently. The log's reader decides how much
history to keep beside it.
"""

from crossfade.resources.annotations import Topic
from crossfade.telling.known import Known, Limit, Why
from crossfade.telling.learning import learn
from crossfade.telling.objectives import ObjectiveState, objective_states
from crossfade.telling.sentences import headline, iteration, why
from crossfade.telling.tellings import Telling, Urgency, tell

__all__ = [
    "Known",
    "Limit",
    "ObjectiveState",
    "Telling",
    "Topic",
    "Urgency",
    "Why",
    "headline",
    "iteration",
    "learn",
    "objective_states",
    "tell",
    "why",
]

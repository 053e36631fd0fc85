"""`notification/slack`: one message of how the experiment stands. Source: v2alpha2 §5.4."""

from __future__ import annotations

from dataclasses import dataclass

from crossfade.resources import Task
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.inputs import text, truth
from crossfade_actuator.actions.port import Attempt, Outcome, TaskFailed
from crossfade_actuator.actions.posting import TIMEOUT_SECONDS, settled


@dataclass(frozen=True, slots=True)
class Slack:
    """Posts to a channel with the token of a secret (scope `chat:write`)."""

    channel: str
    secret: str
    ignored: bool = True

    @classmethod
    def of(cls, task: Task) -> Slack:
        """From the task's inputs. Raises TaskFailed for missing ones."""
        return cls(
            text(task.inputs, "channel", "a channel's id, such as C0123456789"),
            text(task.inputs, "secret", "[namespace/]name of a secret with the key token"),
            truth(task.inputs, "ignoreFailure", True),
        )

    async def do(self, attempt: Attempt) -> Outcome:
        """Post it."""
        try:
            token = await attempt.token(self.secret)
            await self._post(attempt, token)
        except TaskFailed as error:
            return settled(error, self.ignored)
        return Outcome(True, f"posted to {self.channel}")

    async def _post(self, attempt: Attempt, token: str) -> None:
        from aiohttp import ClientError
        from slack_sdk.errors import SlackApiError, SlackClientError
        from slack_sdk.web.async_client import AsyncWebClient  # heavy: at the first message

        client = AsyncWebClient(
            token, base_url=attempt.means.slack_api, timeout=int(TIMEOUT_SECONDS)
        )
        lines = attachment(attempt.context)
        try:
            await client.chat_postMessage(
                channel=self.channel,
                text=title(attempt.context),
                attachments=[{"text": lines, "fallback": lines, "mrkdwn_in": ["text"]}],
            )
        except SlackApiError as error:
            told = error.response.get("error") or f"HTTP {error.response.status_code}"
            raise TaskFailed(f"Slack says {told}") from error
        except TimeoutError as error:
            raise TaskFailed(f"Slack did not answer within {TIMEOUT_SECONDS:g} s") from error
        except (ClientError, SlackClientError, OSError) as error:
            raise TaskFailed(f"Slack cannot be reached: {error}") from error


def title(context: Context) -> str:
    """What kind of experiment it is, and on what, in bold."""
    document = context.document
    return f"*{escape(f'{document.pattern.value} experiment on {document.target}')}*"


def attachment(context: Context) -> str:
    """Name, versions, stage, winner, and whether it failed: a line each."""
    versions = ", ".join(v.name for v in context.document.versions)
    winner = context.winner if context.winner_found and context.winner else None
    lines = [
        f"*Name:* _{context.namespace}/{context.name}_",
        f"*Versions:* _{escape(versions)}_",
        f"*Stage:* _{context.status.get('stage') or 'Waiting'}_",
        f"*Winner:* _{escape(winner or 'not found')}_",
    ]
    return "\n".join([*lines, "*Failed:* _true_"] if _failed(context) else lines)


def escape(said: str) -> str:
    """Text in which Slack finds no links of its own."""
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _failed(context: Context) -> bool:
    conditions = context.status.get("conditions") or ()
    return any(c.get("type") == "Failed" and c.get("status") != "False" for c in conditions)

"""Tasks that tell somebody: real servers in the shape of Slack, GitHub and anything else."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace

import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from tests.actuator.test_actions import Notes, a_context, a_task

from crossfade.errors import NotFound
from crossfade.settings import ActuatorSettings, Settings
from crossfade_actuator.actions.port import Means
from crossfade_actuator.actions.processes import Off, Processes
from crossfade_actuator.actions.runner import Runner
from crossfade_cli.actuating import means_of

TOKEN = "very-secret-token"


@dataclass
class Post:
    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return orjson.loads(self.body)


@dataclass
class Office:
    """Takes letters and answers as told."""

    posts: list = field(default_factory=list)
    status: int = 200
    says: bytes = b'{"ok": true}'
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, request):
        body = await request.read()
        self.posts.append(Post(request.method, request.path_qs, dict(request.headers), body))
        return web.Response(body=self.says, status=self.status, content_type="application/json")


@pytest_asyncio.fixture
async def office():
    made = Office()
    runner = web.ServerRunner(web.Server(made.serve), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@dataclass
class Safe:
    """Secrets in a drawer."""

    kept: dict = field(
        default_factory=lambda: {
            ("ns", "mine"): {"token": TOKEN, "username": "ada", "password": "lovelace"},
            ("other", "theirs"): {"token": "another-token"},
            ("ns", "empty"): {},
        }
    )

    async def get_secret(self, namespace, name):
        try:
            return self.kept[namespace, name]
        except KeyError:
            raise NotFound(f"secret {namespace}/{name} does not exist") from None


async def told(office, *tasks, context=None, executor=None):
    means = Means(
        secrets=Safe(),
        slack_api=f"{office.url}/slack/api/",
        github_api=f"{office.url}/github",
    )
    notes = Notes()
    runner = Runner(executor or Processes(), 20.0, means=means)
    result = await runner.run("finish", tasks, context or a_context(), notes)
    return result, notes.outcomes


def http(office, **inputs):
    return a_task(task="notification/http", **{"with": {"URL": office.url + "/hook"} | inputs})


async def test_http_sends_the_summary_of_upstream_by_default(office):
    weights = [{"name": "b", "value": 5}, {"name": "c", "value": 95}]
    context = a_context()
    context.status["analysis"]["weights"] = {"data": weights}
    result, outcomes = await told(office, http(office), context=context)
    assert result.ok
    assert outcomes[0].output == "answered HTTP 200"
    (post,) = office.posts
    assert (post.method, post.path) == ("POST", "/hook")
    assert post.headers["Content-Type"] == "application/json"
    assert post.json["summary"] == {
        "winnerFound": True,
        "winner": "c",
        "versionRecommendedForPromotion": "c",
        "lastRecommendedWeights": weights,
    }
    assert post.json["experiment"]["metadata"]["name"] == "exp"
    assert post.json["experiment"]["status"]["completedIterations"] == 4


async def test_http_leaves_out_what_is_not_known(office):
    await told(office, http(office), context=a_context(winner=None, recommended=None))
    assert office.posts[0].json["summary"] == {"winnerFound": False}


async def test_the_key_of_the_address_may_be_written_in_any_case(office):
    task = a_task(task="notification/http", **{"with": {"url": office.url + "/x"}})
    assert (await told(office, task))[0].ok
    assert office.posts[0].path == "/x"


async def test_http_fills_in_headers_and_body_unescaped(office):
    task = http(
        office,
        method="PUT",
        headers=[
            {"name": "X-Revision", "value": "{{ .revision }}"},
            {"name": "content-type", "value": "text/plain"},
            {"name": "X-Odd", "value": "{{ range }}"},
        ],
        body="{{ .this.metadata.name }}: {{ .revision }}",
    )
    assert (await told(office, task))[0].ok
    (post,) = office.posts
    assert post.method == "PUT"
    assert post.headers["X-Revision"] == "r&d?a=1&b='2'"
    assert post.headers["X-Odd"] == "{{ range }}"
    assert post.headers["Content-Type"] == "text/plain"
    assert post.body == b"exp: r&d?a=1&b='2'"


@pytest.mark.parametrize(
    ("auth", "secret", "expected"),
    [
        ("Bearer", "mine", f"Bearer {TOKEN}"),
        ("Bearer", "other/theirs", "Bearer another-token"),
        ("Basic", "ns/mine", "Basic " + base64.b64encode(b"ada:lovelace").decode()),
        ("APIKey", "mine", None),
        ("Bearer", "empty", None),
        (None, "mine", None),
    ],
)
async def test_http_shows_the_credentials_of_its_secret(office, auth, secret, expected):
    inputs = {"secret": secret} | ({"authType": auth} if auth else {})
    assert (await told(office, http(office, **inputs)))[0].ok
    assert office.posts[0].headers.get("Authorization") == expected


async def test_http_fills_in_its_secret_and_its_own_variables(office):
    keys = [{"name": "X-Api-Key", "value": "{{ .secret.token }}"}]
    info = [{"variables": []}, {"variables": [{"name": "file", "value": "c.yaml"}]}]
    task = http(
        office,
        authType="APIKey",
        secret="mine",
        headers=keys,
        body="{{ .name }} {{ .file }} {{ .secret.none }}.",
        versionInfo=info,
    )
    result, outcomes = await told(office, task)
    assert result.ok, result.message
    assert office.posts[0].headers["X-Api-Key"] == TOKEN
    assert office.posts[0].body == b"c c.yaml ."
    assert TOKEN not in outcomes[0].output


async def test_http_reads_the_new_placeholders_and_then_leaves_the_old_ones(office):
    headers = [{"name": "X-Old", "value": "{{ .name }}"}]
    body = (
        '{"name": "@<.this.metadata.name>@@< .none >@", "key": "@< .secret.token >@ {{ .x }}"}'
    )
    task = http(office, secret="mine", headers=headers, body=body)
    assert (await told(office, task))[0].ok
    (post,) = office.posts
    assert post.headers["X-Old"] == "c"
    assert post.body.decode() == f'{{"name": "exp", "key": "{TOKEN} {{{{ .x }}}}"}}'


async def test_http_without_its_secret_is_sent_and_says_so(office):
    result, outcomes = await told(office, http(office, authType="Bearer", secret="nowhere"))
    assert result.ok
    assert outcomes[0].output == (
        "sent without credentials: with.secret: secret ns/nowhere does not exist\n"
        "answered HTTP 200"
    )


async def test_a_notification_that_fails_is_ignored_unless_told_otherwise(office):
    office.status, office.says = 500, b"dear\nme"
    result, outcomes = await told(office, http(office))
    assert result.ok
    said = f"{office.url}/hook answers HTTP 500: dear me"
    assert outcomes[0].output == f"not sent, and ignored: {said}"
    result, outcomes = await told(office, http(office, ignoreFailure=False))
    assert (result.ok, result.message) == (False, f"task 0: {said}")


async def test_an_address_where_nobody_listens_is_named_without_its_query(office):
    url = "http://127.0.0.1:1/x?key=hush"
    task = a_task(task="notification/http", **{"with": {"URL": url, "ignoreFailure": False}})
    result, _ = await told(office, task)
    assert "http://127.0.0.1:1/x cannot be reached" in result.message
    assert "hush" not in result.message


async def test_an_answer_that_quotes_a_secret_is_masked(office):
    office.status, office.says = 403, f"token {TOKEN} is stale".encode()
    task = http(office, authType="Bearer", secret="mine", ignoreFailure=False)
    result, outcomes = await told(office, task)
    assert TOKEN not in result.message + outcomes[0].output
    assert "token *** is stale" in result.message


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"URL": ""}, "with.URL: found '', right is an address"),
        ({"authType": "Digest"}, "with.authType: found 'Digest', right is Basic or Bearer"),
        ({"ignoreFailure": "yes"}, "with.ignoreFailure: found 'yes', right is true or false"),
        (
            {"headers": {"a": "b"}},
            "with.headers: found {'a': 'b'}, right is a list of mappings",
        ),
        ({"headers": [{"value": "b"}]}, "with.headers[0].name: found None, right is a name"),
        ({"method": "SHOUT"}, "with.method: found 'SHOUT', right is GET, POST"),
        ({"onInterrupted": "x"}, "with.onInterrupted: found 'x', right is repeat or fail"),
    ],
)
async def test_odd_inputs_fail_before_anything_is_sent(office, inputs, said):
    result, outcomes = await told(office, http(office), http(office, **inputs))
    assert said in result.message
    assert office.posts == outcomes == []


async def test_an_installation_without_actions_sends_nothing(office):
    result, _ = await told(office, http(office), executor=Off())
    assert "actions are off" in result.message
    assert office.posts == []


def slack(**inputs):
    return a_task(
        task="notification/slack", **{"with": {"channel": "C1", "secret": "mine"} | inputs}
    )


async def test_slack_gets_title_and_attachment(office):
    context = a_context(stage="Finishing")
    assert (await told(office, slack(), context=context))[0].ok
    (post,) = office.posts
    assert post.path == "/slack/api/chat.postMessage"
    assert post.headers["Authorization"] == f"Bearer {TOKEN}"
    assert post.json["channel"] == "C1"
    assert post.json["text"] == "*A/B experiment on t*"
    assert post.json["attachments"][0]["text"] == (
        "*Name:* _ns/exp_\n*Versions:* _b, c_\n*Stage:* _Finishing_\n*Winner:* _c_"
    )


async def test_slack_hears_that_an_experiment_failed(office):
    failed = [{"type": "Failed", "status": "True"}]
    context = a_context(winner=None, conditions=failed)
    await told(office, slack(), context=context)
    lines = office.posts[0].json["attachments"][0]["text"].splitlines()
    assert lines[2:] == ["*Stage:* _Waiting_", "*Winner:* _not found_", "*Failed:* _true_"]


async def test_what_slack_refuses_is_said_in_its_words(office):
    office.says = b'{"ok": false, "error": "channel_not_found"}'
    result, outcomes = await told(office, slack())
    assert result.ok
    assert outcomes[0].output == "not sent, and ignored: Slack says channel_not_found"
    result, _ = await told(office, slack(ignoreFailure=False))
    assert result.message == "task 0: Slack says channel_not_found"


async def test_slack_without_a_token_says_which_secret_lacks_it(office):
    result, _ = await told(office, slack(secret="empty", ignoreFailure=False))
    assert result.message == "task 0: with.secret: secret empty has no key token"
    assert office.posts == []


def workflow(**inputs):
    given = {"repository": "iter8-tools/iter8", "workflow": "demo.yaml", "secret": "mine"}
    return a_task(task="notification/github-workflow", **{"with": given | inputs})


async def test_a_workflow_is_dispatched_with_its_inputs(office):
    office.status, office.says = 204, b""
    inputs = [{"name": "name", "value": "exp"}, {"name": "times", "value": 3}]
    result, outcomes = await told(office, workflow(inputs=inputs))
    assert result.ok
    assert outcomes[0].output == "demo.yaml of iter8-tools/iter8 was asked to run"
    (post,) = office.posts
    path = "/github/repos/iter8-tools/iter8/actions/workflows/demo.yaml/dispatches"
    assert (post.method, post.path) == ("POST", path)
    assert post.headers["Authorization"] == f"Bearer {TOKEN}"
    assert post.headers["Accept"] == "application/vnd.github.v3+json"
    assert post.json == {"ref": "master", "inputs": {"name": "exp", "times": "3"}}


async def test_a_workflow_reads_the_version_that_won_and_the_experiment(office):
    inputs = [
        {"name": "version", "value": "{{ .name }}"},
        {"name": "experiment", "value": "@< .this.metadata.name >@"},
        {"name": "place", "value": "{{ .zone }}"},
        {"name": "key", "value": "{{ .secret.token }}"},
        {"name": "foreign", "value": "${{ github.ref | json }}"},
    ]
    zones = [{"variables": [{"name": "zone", "value": zone}]} for zone in ("old", "new")]
    task = workflow(inputs=inputs, versionInfo=zones, ref="release-{{ .name }}")
    result, _ = await told(office, task)
    assert result.ok
    (post,) = office.posts
    assert post.json == {
        "ref": "release-c",
        "inputs": {
            "version": "c",
            "experiment": "exp",
            "place": "new",
            "key": TOKEN,
            "foreign": "${{ github.ref | json }}",
        },
    }


async def test_a_workflow_that_github_does_not_know_fails_where_it_is_to(office):
    office.status, office.says = 404, b'{"message": "Not Found"}'
    result, _ = await told(office, workflow(ignoreFailure=False, ref="main"))
    assert 'answers HTTP 404: {"message": "Not Found"}' in result.message


@pytest.mark.parametrize("inputs", [{"repository": "../../x"}, {"workflow": "a/b"}])
async def test_a_workflow_cannot_point_elsewhere(office, inputs):
    result, _ = await told(office, workflow(**inputs))
    assert not result.ok
    assert office.posts == []


async def test_a_run_script_reads_its_secret_and_never_prints_it(office):
    script = (
        'test "@< .Secret "token" >@" = very-secret-token && echo "<@< .Secret `token` >@>"'
    )
    task = a_task(run=script, **{"with": {"secret": "ns/mine"}})
    result, outcomes = await told(office, task)
    assert result.ok, result.message
    assert outcomes[0].output == "<***>"


async def test_without_a_cluster_secrets_are_files(office, tmp_path):
    (tmp_path / "ns/mine").mkdir(parents=True)
    (tmp_path / "ns/mine/token").write_text(TOKEN + "\n")
    settings = Settings(actuator=ActuatorSettings(secrets_directory=tmp_path))
    task = a_task(
        run="test @< .Secret `token` >@ = very-secret-token", **{"with": {"secret": "mine"}}
    )
    for means, ok in ((means_of(settings, None), True), (means_of(Settings(), None), False)):
        runner = Runner(Processes(), 20.0, means=means)
        result = await runner.run("finish", [task], a_context(), Notes())
        assert result.ok is ok, result.message
    assert "CROSSFADE_ACTUATOR__SECRETS_DIRECTORY names one" in result.message


async def test_no_command_line_shows_a_secret(office):
    script = (
        "shown=@< .Secret `token` >@; tr '\\0' ' ' </proc/$$/cmdline; env; "
        "set -- $shown; test ${#1} = 17 && exit 3"
    )
    _, outcomes = await told(office, a_task(run=script, **{"with": {"secret": "mine"}}))
    assert outcomes[0].exit == 3
    assert "bash -c script=$CROSSFADE_SCRIPT; unset" in outcomes[0].output
    assert "***" not in outcomes[0].output
    assert TOKEN not in outcomes[0].output


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (None, '.Secret "nokey": the task names no secret; right is with.secret'),
        ("mine", '.Secret "nokey": secret mine has no such key'),
        ("nowhere", "with.secret: secret ns/nowhere does not exist"),
    ],
)
async def test_a_run_script_without_its_secret_fails(office, secret, said):
    inputs = {"with": {"secret": secret}} if secret else {}
    result, _ = await told(office, a_task(run='echo @< .Secret "nokey" >@', **inputs))
    assert result.message == f"task 0: {said}"


async def test_nothing_is_read_for_a_task_that_is_skipped(office):
    task = slack()
    skipped = task.model_copy(update={"if_": "not WinnerFound()"})
    result, outcomes = await told(office, skipped, context=replace(a_context()))
    assert result.ok
    assert outcomes[0].skipped
    assert office.posts == []

"""Node.js under the FC contract with several requests at a time in one process."""

import json
import re
import unittest

from instance import Instance

# Each event says what its handler does; `gate` events open what `wait` events wait for.
CODE = """
let open = null;
const gate = new Promise((resolve) => { open = resolve; });
let widest = 0;
let running = 0;
exports.handler = (event, context, callback) => {
  const { id } = JSON.parse(event);
  running += 1;
  widest = Math.max(widest, running);
  const end = (value) => { running -= 1; callback(null, value); };
  if (id === 'gate') { open(); return setImmediate(end, 'opened'); }
  gate.then(() => end(JSON.stringify({ id, request: context.requestId, widest })));
};
"""


def node(code, concurrency=10, **init):
    init.setdefault("handler", "index.handler")
    return Instance("node", {"index.js": code}, dialect="fc", concurrency=concurrency, **init)


def event(**fields):
    return json.dumps(fields).encode()


class Several(unittest.TestCase):
    def test_handlers_run_at_the_same_time(self):
        # spec: FIC-03 (in one process)
        with node(CODE).ready() as instance:
            for tag in (1, 2, 3):
                instance.tagged(tag, event(id=tag), request_id="request-%d" % tag)
            instance.tagged(4, event(id="gate"))
            answers, _ = instance.answers(4)
        self.assertEqual({kind for kind, _ in answers.values()}, {b"r"})
        for tag in (1, 2, 3):
            got = json.loads(answers[tag][1])
            self.assertEqual((got["id"], got["request"]), (tag, "request-%d" % tag))
            self.assertGreaterEqual(got["widest"], 3)

    def test_requests_that_come_before_the_module_is_ready_wait_for_it(self):
        code = (
            "let count = 0;"
            "exports.init = (context, callback) => { count += 1; setTimeout(callback, 20); };"
            "exports.handler = async (event) => `${event} ${count}`;"
        )
        with node(code, initializer="index.init") as instance:
            self.assertEqual(instance.receive(), (b"B", b""))
            instance.send(b"I", json.dumps(instance.message).encode())
            for tag in (1, 2, 3):
                instance.tagged(tag, b"n%d" % tag)
            self.assertEqual([instance.receive() for _ in range(2)], [(b"l", b""), (b"i", b"")])
            answers, _ = instance.answers(3)
        # spec: FFN-06 (the initializer runs once)
        self.assertEqual(answers, {tag: (b"r", b"n%d 1" % tag) for tag in (1, 2, 3)})

    def test_contexts_are_apart(self):
        code = (
            "let first = null;"
            "exports.handler = async (event, context) => {"
            "  if (first === null) { first = context; context.mine = 'first'; }"
            "  await new Promise(setImmediate);"
            "  return { same: first === context, mine: context.mine, qualifier: context.service.qualifier };"
            "};"
        )
        with node(code).ready() as instance:
            instance.tagged(1, qualifier="one")
            instance.tagged(2, qualifier="two")
            answers, _ = instance.answers(2)
        self.assertEqual(json.loads(answers[1][1]), {"same": True, "mine": "first", "qualifier": "one"})
        self.assertEqual(json.loads(answers[2][1]), {"same": False, "qualifier": "two"})

    def test_a_slow_request_does_not_hold_up_a_quick_one(self):
        code = "exports.handler = (event, context, callback) => { if (String(event) !== 'never') callback(null, event); };"
        with node(code).ready() as instance:
            instance.tagged(1, b"never")
            for tag in range(2, 50):
                instance.tagged(tag, b"x%d" % tag)
                self.assertEqual(instance.told(), (tag, b"r", b"x%d" % tag))

    def test_a_large_event_and_a_large_result(self):
        with node("exports.handler = async (event) => event;").ready() as instance:
            large = bytes(range(256)) * 8000
            instance.tagged(1, large)
            instance.tagged(2, b"small")
            answers, _ = instance.answers(2)
        self.assertEqual(answers, {1: (b"r", large), 2: (b"r", b"small")})

    def test_an_async_handler_that_ignores_its_callback(self):
        code = (
            "exports.handler = async (event, context, callback) => {"
            "  if (String(event) === 'late') setTimeout(() => callback(null, 'late'), 5);"
            "  if (String(event) === 'slow') return new Promise((done) => setTimeout(done, 30, 'slow'));"
            "};"
        )
        with node(code).ready() as instance:
            for tag, body in enumerate([b"", b"late", b"slow"], 1):
                instance.tagged(tag, body)
            answers, _ = instance.answers(3)
        self.assertEqual(answers, {1: (b"r", b""), 2: (b"r", b"late"), 3: (b"r", b"slow")})

    def test_without_concurrency_nothing_is_tagged(self):
        with node("exports.handler = async (event) => event;", concurrency=1).ready() as instance:
            self.assertEqual(instance.raw(b"x"), b"x")


class Output(unittest.TestCase):
    CODE = """
    const gate = {};
    gate.opened = new Promise((resolve) => { gate.open = resolve; });
    exports.handler = async (event, context) => {
      const text = String(event);
      if (text === 'gate') return gate.open();
      console.log(`begin ${text}`);
      context.logger.info(`logger ${text}`);
      await gate.opened;
      await new Promise((resolve) => setTimeout(resolve, 1));
      console.error(`end ${text}`);
      process.stdout.write(`plain ${text}\\n`);
    };
    """

    def test_console_and_streams_belong_to_the_request_that_printed(self):
        with node(self.CODE).ready() as instance:
            for tag, text in [(1, b"a"), (2, b"b"), (3, b"c"), (4, b"gate")]:
                instance.tagged(tag, text, request_id="id-%d" % tag)
            _, output = instance.answers(4)
            self.assertEqual(instance.log(), "")
        for tag, text in [(1, "a"), (2, "b"), (3, "c")]:
            lines = [re.sub(r"^\S+Z ", "", line) for line in output[tag].splitlines()]
            mark = "id-%d" % tag
            self.assertEqual(lines, [
                "%s [verbose] begin %s" % (mark, text), "%s [info] logger %s" % (mark, text),
                "%s [error] end %s" % (mark, text), "plain %s" % text,
            ])
        self.assertNotIn(4, output)

    def test_what_a_request_runs_for_another_is_printed_by_it_unless_the_logger_says_whose_it_is(self):
        code = (
            "let release = null;"
            "exports.handler = (event, context, callback) => {"
            "  if (String(event) === 'go') { release(); return callback(null, ''); }"
            "  console.log('begin');"
            "  release = () => { console.log('by console'); context.logger.warn('by logger'); callback(null, ''); };"
            "};"
        )
        with node(code).ready() as instance:
            instance.tagged(1, b"hold", request_id="held")
            instance.tagged(2, b"go", request_id="releaser")
            _, output = instance.answers(2)
            self.assertEqual(instance.log(), "")
        lines = {tag: re.sub(r"(?m)^\S+Z ", "", text) for tag, text in output.items()}
        self.assertEqual(lines, {
            1: "held [verbose] begin\nheld [warn] by logger\n",
            2: "releaser [verbose] by console\n",
        })

    def test_a_line_after_an_await_is_before_the_answer_whoever_ends_the_wait(self):
        code = (
            "const waiting = new Map();"
            "const once = require('events').once, emitter = new (require('events'))();"
            "exports.handler = async (event) => {"
            "  const text = String(event);"
            "  if (text === 'go') { await new Promise(setImmediate); waiting.forEach((resolve) => resolve()); emitter.emit('go'); return ''; }"
            "  console.log(`begin ${text}`);"
            "  if (text === 'event') await once(emitter, 'go');"
            "  else if (text === 'thenable') await { then: (resolve) => waiting.set(text, resolve) };"
            "  else await new Promise((resolve) => waiting.set(text, resolve));"
            "  console.log(`end ${text}`);"
            "};"
        )
        kinds = ["promise", "thenable", "event"]
        with node(code).ready() as instance:
            for tag, text in enumerate(kinds, 1):
                instance.tagged(tag, text.encode(), request_id="id-%d" % tag)
            instance.tagged(4, b"go")
            _, output = instance.answers(4)
            self.assertEqual(instance.log(), "")
        for tag, text in enumerate(kinds, 1):
            lines = [re.sub(r"^\S+Z ", "", line) for line in output[tag].splitlines()]
            self.assertEqual(lines, ["id-%d [verbose] %s %s" % (tag, word, text) for word in ("begin", "end")])

    def test_output_of_no_request_goes_to_the_pipe_with_the_oldest_id(self):
        code = (
            "let release = null;"
            "const shared = new (require('async_hooks').AsyncResource)('pool');"
            "exports.handler = (event, context, callback) => {"
            "  if (String(event) === 'hold') { release = callback; return; }"
            "  shared.runInAsyncScope(() => console.log('from the pool'));"
            "  callback(null, '');"
            "  release(null, '');"
            "};"
        )
        with node(code).ready() as instance:
            instance.tagged(1, b"hold", request_id="first")
            instance.tagged(2, b"go", request_id="second")
            _, output = instance.answers(2)
            self.assertIn("first [verbose] from the pool\n", instance.log_until("pool"))
        self.assertEqual(output, {})

    def test_output_after_the_reply_goes_to_the_pipe(self):
        code = (
            "exports.handler = (event, context, callback) => {"
            "  setTimeout(() => console.log('too late'), 5); callback(null, 'x'); };"
        )
        with node(code).ready() as instance:
            instance.tagged(1)
            self.assertEqual(instance.told(), (1, b"r", b"x"))
            self.assertIn("[verbose] too late", instance.log_until("too late"))

    def test_much_output_comes_in_pieces(self):
        code = "exports.handler = async () => { process.stdout.write('x'.repeat(300000)); };"
        with node(code).ready() as instance:
            instance.tagged(1)
            _, output = instance.answers(1)
        self.assertEqual(output[1], "x" * 300000)

    def test_what_children_print_is_in_the_pipe(self):
        code = (
            "exports.handler = async () => {"
            "  require('child_process').execFileSync('echo', ['from a child'], { stdio: 'inherit' }); };"
        )
        with node(code).ready() as instance:
            instance.tagged(1)
            instance.answers(1)
            self.assertIn("from a child\n", instance.log_until("child"))


class Ends(unittest.TestCase):
    HOLD = (
        "exports.handler = (event, context, callback) => {"
        "  if (String(event) === 'hold') return;"
        "  %s"
        "};"
    )

    def both(self, instance):
        instance.tagged(1, b"hold", request_id="held")
        instance.tagged(2, b"go", request_id="culprit")

    def test_an_exception_fails_its_request_alone(self):
        with node(self.HOLD % "if (String(event) === 'go') throw new TypeError('no'); callback(null, 'fine');").ready() as instance:
            self.both(instance)
            answers, output = instance.answers(1)
            self.assertEqual(json.loads(answers[2][1])["type"], "TypeError")
            self.assertIn("culprit [error] TypeError: no", output[2])
            instance.tagged(3, b"x")
            self.assertEqual(instance.told(), (3, b"r", b"fine"))

    def test_a_rejection_fails_its_request_alone(self):
        code = "exports.handler = async (event) => { await null; if (String(event) === 'bad') throw new Error('no'); return event; };"
        with node(code).ready() as instance:
            for tag, text in [(1, b"good"), (2, b"bad"), (3, b"good")]:
                instance.tagged(tag, text)
            answers, _ = instance.answers(3)
        self.assertEqual([answers[tag][0] for tag in (1, 2, 3)], [b"r", b"e", b"r"])

    def test_a_callback_with_an_error(self):
        with node(self.HOLD % "callback(new Error('handled'));").ready() as instance:
            self.both(instance)
            answers, _ = instance.answers(1)
        failure = json.loads(answers[2][1])
        self.assertEqual((failure["handled"], failure["message"]), (True, "handled"))

    def test_an_exit_ends_the_process_with_all_requests(self):
        # spec: FIC-06
        with node(self.HOLD % "process.exit(3);").ready() as instance:
            self.both(instance)
            self.assertEqual(instance.exit_code(), 3)

    def test_an_uncaught_exception_fails_the_request_it_comes_from_and_ends_the_process(self):
        # spec: FIC-06
        with node(self.HOLD % "setTimeout(() => { throw new Error('uncaught'); }, 1);").ready() as instance:
            self.both(instance)
            answers, output = instance.answers(1)
            failure = json.loads(answers[2][1])
            self.assertEqual((failure["message"], failure["handled"]), ("uncaught", False))
            self.assertIn("culprit [error] Error: uncaught", output[2])
            self.assertEqual(instance.exit_code(), 1)

    def test_a_result_over_the_limit(self):
        with node("exports.handler = async (event) => 'x'.repeat(Number(event));", response_limit=100).ready() as instance:
            instance.tagged(1, b"101")
            instance.tagged(2, b"100")
            answers, _ = instance.answers(2)
        self.assertEqual(json.loads(answers[1][1])["kind"], "response_too_large")
        self.assertEqual(answers[2], (b"r", b"x" * 100))


if __name__ == "__main__":
    unittest.main()

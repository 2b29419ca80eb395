# SPDX-License-Identifier: ISC
"""The command language as data.

Each case is one line as it is typed, in a world, with what comes of it. It is
run as `ssh host LINE`, as a line of a script, with --json behind it, and by a
person at a terminal; test_commands.py says how.
"""

import collections

from frames import (DESTROY, OFF, PAUSE, PAUSED, REBOOT, RESET, RUNNING,
                    SHUTDOWN, START, SYSRQ, UNPAUSE)

# world  who types, and how things are: see WORLDS
# line   what is typed
# code   exit code
# says   regular expression of what is said, runs of blanks as one blank
# json   a part of the object, a type stands for any value of it; None: what an error looks like for that code;
#        NEVER: the command takes no --json
# job    what the worker was asked for: (operation, guest[, key])
# ask    a person is asked so, and answers so, for it to happen
# person what a person is told instead; False: is not run that way
Case = collections.namedtuple(
    "Case", "world line code says json job ask person",
    defaults=(None, None, None, None))
NEVER = object()

ALL = ('allow = [ "console", "log", "start", "shutdown", "reboot", '
       '"destroy", "pause", "sysrq" ];')


# guests and what a policy says of them; the state that web is in at the
# beginning (db is off); does Xen answer?
WORLDS = {
    "full": ({"db": ALL, "web": ALL}, RUNNING, True),
    "one": ({"web": ALL}, RUNNING, True),
    "none": ({}, OFF, True),
    "paused": ({"db": ALL, "web": ALL}, PAUSED, True),
    "few": ({"db": 'allow = [ "start" ];',
             "web": 'allow = [ "view", "sysrq", "shutdown" ];'},
            RUNNING, True),
    "blind": ({"db": ALL, "web": ALL}, RUNNING, False),
}

WEB = {"name": "web", "state": "running", "managed": "here", "boot": int,
       "vcpus": 2, "memory_bytes": 536870912, "job": None}
DB = {"name": "db", "state": "off", "uptime_s": None, "vcpus": None,
      "memory_bytes": None}
UNTOUCHED = "Nothing was done"
LOGGED = r"^-- 2026-11-21, times in UTC -- 15:00:00 .*three$"


def done(guest, verb):
    return {"guest": guest, "verb": verb, "outcome": "done"}


def cases(world, *rows):
    return [Case(world, *row) for row in rows]


USAGE = [Case("full", line, 2, says + ".*" + UNTOUCHED) for line, says in (
    ("frobnicate", "no command \"frobnicate\""),
    ("lst", "did you mean \"list\""),
    ("strat web", "did you mean \"start\""),
    ("LIST", "no command"),
    ("list;id", "no command"),
    ("$(id)", "no command"),
    ("`id`", "no command"),
    (" -c id", "no command"),
    ("41", "no command"),
    ("scp -t /tmp", "controls guests only"),
    ("/usr/lib/openssh/sftp-server", "controls guests only"),
    ("list web", "nothing to do with \"web\""),
    ("list > /tmp/x", "nothing to do with"),
    ("status web db", "nothing to do with"),
    ("start --foo web", "start has no option --foo"),
    ("start -web", "no option -web"),
    ("start web --yes", "no option --yes"),
    ("start web --timeout", "--timeout wants SECONDS"),
    ("start web --timeout=", "--timeout wants SECONDS"),
    ("start web --timeout 0", "number from 1 to 86400"),
    ("start web --timeout -1", "number from 1 to 86400"),
    ("start web --timeout 1.5", "number from 1 to 86400"),
    ("start web --timeout 99999999999999999999", "from 1 to 86400"),
    ("start web --no-wait=1", "no option --no-wait=1"),
    ("start web --console --json", "a console is no JSON"),
    ("console web --json", "console has no option --json"),
    ("shutdown web now", "nothing to do with \"now\""),
    ("shutdown web --force-after 601 --yes", "number from 1 to 600"),
    ("shutdown web --force-after x --yes", "number from 1 to 600"),
    ("destroy web --yes --force", "no option --force"),
    ("destroy web --force-after 5 --yes", "no option --force-after"),
    ("sysrq", "sysrq wants GUEST KEY"),
    ("sysrq web s t", "nothing to do with \"t\""),
    ("sysrq web S", "no sysrq key"),
    ("sysrq web ?", "no sysrq key"),
    ("sysrq web *", "no sysrq key"),
    ("sysrq web ab", "no sysrq key"),
    ("sysrq web \"\"", "no sysrq key"),
    ("log web --lines -1", "number|lines"),
    ("log web --since never", "TIME|time"),
    ("log web --since 2026-02-30", "TIME|time"),
    ("job", "job wants REF"),
    ("job K7F3 web", "nothing to do with \"web\""),
    ("job K7F3 --yes", "job has no option --yes"),
    ("job K7F3 --timeout 0", "number from 1 to 86400"),
    ("why", "why wants COMMAND"),
    ("why frobnicate", "no command"),
    ("help frobnicate", "no command"),
    ("whoami x", "nothing to do with"),
    ("version --web", "no option"),
    ("list \"", "opening quote"),
    ("list " + "x " * 16, "at most 16 words"),
    ("list " + "x" * 1100, "at most 16 words and 1024 characters"),
    ("start", "say which guest: db, web"),
    ("sysrq s", "say which guest: db, web"),
)]

NO_GUEST = [Case("full", line, 4, "no guest of that name.*" + UNTOUCHED)
            for line in (
    "status nobody", "start nobody", "start shop", "start shop --no-wait",
    "shutdown shop", "reboot shop", "reset shop --yes", "destroy shop --yes",
    "pause shop", "unpause shop", "sysrq shop s", "log shop",
    "start ../web", "start web.cfg", "start WEB", "start a=b",
    "start \"\"", "status shop --follow")]

NO_JOB = [Case("full", line, 4, "There is no job [^ ]+ of yours",
               {"error": {"name": "no-job", "exit": 4}})
          for line in ("job 2222", "job zzzz", "job 2222 --no-wait",
                       "job ../x", "job K7F3K7F3")]

# What ends in a job is denied before anything is asked of anybody.
DENIED = [Case("few", line, 3, "You may not %s .*%s.*why %s" % (
    line.split()[0], UNTOUCHED, line.split()[0]), person=False)
          for line in (
    "start web", "reboot web", "reset web --yes", "destroy web --yes",
    "pause web", "unpause web", "log db", "shutdown db",
    "reboot web --force-after 5 --yes")]

# A power verb that is denied is not to be had by another way.
GROUPED = [Case("few", line, 3, UNTOUCHED, person=False) for line in (
    "sysrq web b --yes", "sysrq web c --yes", "sysrq web e --yes",
    "sysrq web i --yes", "shutdown web --force-after 5 --yes")]

WANTS_YES = [Case("full", line, 2, UNTOUCHED + ".*--yes",
                  {"error": {"name": "confirm", "exit": 2}}, None,
                  ("Type web to %s: " % (
                      "press %s in it" % line[-1] if "sysrq" in line else
                      "shut it down" if "shutdown" in line else
                      line.split()[0] + " it"), "y"),
                  "web is as it was")
             for line in (
    "destroy web", "reset web", "shutdown web --force-after 60",
    "reboot web --force-after 60", "sysrq web b", "sysrq web o",
    "sysrq web c", "sysrq web e", "sysrq web i", "sysrq web f",
    "sysrq web k", "sysrq web g", "sysrq web u")]

CASES = USAGE + NO_GUEST + NO_JOB + DENIED + GROUPED + WANTS_YES + cases(
    "full",
    ("", 0, "^$", NEVER, None, None, False),
    ("list", 0, "NAME STATE .*db off .*web running", {"guests": [DB, WEB]}),
    ("\"list\"", 0, "NAME STATE", {"guests": [DB, WEB]}),
    ("  list  ", 0, "NAME STATE", {"guests": [DB, WEB]}),
    ("status", 0, "name: db .*name: web state: running",
     {"guests": [DB, WEB]}),
    ("status web", 0, "name: web state: running .*vcpus: 2 memory: 512 MiB "
     ".*boot: \\d+ you may: console view log start shutdown reboot destroy "
     "pause sysrq", {"guests": [WEB]}),
    ("control web", 0, "name: web", {"guests": [WEB]}),
    ("status db", 0, "name: db state: off", {"guests": [DB]}),

    ("start web", 0, "web is running already", done("web", "start")),
    ("start db", 0, "db .*(running|started|boot)", done("db", "start"),
     (START, "db")),
    ("start db --timeout 30", 0, "db ", done("db", "start"), (START, "db")),
    ("boot db", 0, "db ", done("db", "start"), (START, "db")),
    ("create db", 0, "db ", done("db", "start"), (START, "db")),
    ("start db --no-wait", 0,
     "The job goes on, ref ([0-9A-Z]{4}); job \\1 .*status db",
     {"guest": "db", "verb": "start", "outcome": "accepted"},
     (START, "db")),
    ("shutdown db", 0, "db is off already", done("db", "shutdown")),
    ("shutdown web", 0, "web is (down|off)", done("web", "shutdown"),
     (SHUTDOWN, "web"), (r"Ask it to shut down\? \[y/N\] ", "y")),
    ("stop web", 0, "web is (down|off)", done("web", "shutdown"),
     (SHUTDOWN, "web"), (r"Ask it to shut down\? \[y/N\] ", "yes")),
    ("shutdown web --yes", 0, "web is (down|off)", done("web", "shutdown"),
     (SHUTDOWN, "web")),
    ("shutdown web --force-after 60 --yes", 0, "web is (down|off)",
     done("web", "shutdown"), (SHUTDOWN, "web")),
    ("reboot web", 0, "web ", done("web", "reboot"), (REBOOT, "web"),
     (r"Ask it to reboot\? \[y/N\] ", "y")),
    ("restart web --yes", 0, "web ", done("web", "reboot"),
     (REBOOT, "web")),
    ("reboot db", 1, "db is off.*" + UNTOUCHED,
     {"error": {"name": "not-running", "exit": 1}}),
    ("reset web --yes", 0, "web ", done("web", "reset"), (RESET, "web")),
    ("reset db --yes", 1, "db is off.*" + UNTOUCHED),
    ("destroy web --yes", 0, "web ", done("web", "destroy"),
     (DESTROY, "web")),
    ("destroy --yes web", 0, "web ", done("web", "destroy"),
     (DESTROY, "web")),
    ("destroy db --yes", 0, "db is off already", done("db", "destroy")),
    ("pause web", 0, "web ", done("web", "pause"), (PAUSE, "web")),
    ("pause db", 1, "db is off.*" + UNTOUCHED),
    ("unpause web", 0, "web ", done("web", "unpause"), (UNPAUSE, "web")),
    ("sysrq web s", 0, "web", done("web", "sysrq"), (SYSRQ, "web", "s")),
    ("sysreq web 9", 0, "web", done("web", "sysrq"), (SYSRQ, "web", "9")),
    ("sysrq web b --yes", 0, "web", done("web", "sysrq"),
     (SYSRQ, "web", "b")),
    ("sysrq web y", 2, "no sysrq key",
     {"error": {"name": "key", "exit": 2}}),
    ("sysrq db s", 1, "db is off.*" + UNTOUCHED),

    ("log web", 0, LOGGED, NEVER),
    ("log web --lines 1", 0, LOGGED, NEVER),
    ("log web --since yesterday", 0, LOGGED, NEVER),
    ("why start web", 0, "start", {"command": "start", "guest": "web",
                                   "allowed": True}),
    ("why list", 0, ".", {"command": "list", "allowed": True}),
    ("why start shop", 4, "no guest of that name"),
    ("why help", 0, "Anybody may use help", {"command": "help",
                                             "guest": None,
                                             "allowed": True}),
    ("whoami", 0, "customer: alice .*guests: 2 .*help: help@example.net",
     {"customer": "alice", "guests": 2, "support": "help@example.net"}),
    ("version", 0, "vpsh: \\S+ service: \\S+", {}),
    ("help", 0, "list your guests .*exit leave", {}),
    ("?", 0, "list your guests", {}),
    ("help start", 0, "^.*start GUEST .*--console.*--no-wait.*--timeout "
     "SECONDS.*Aliases: boot, create.*6 timed out", {}),
    ("help sysrq", 0, "--yes.*Aliases: sysreq", {}),
    ("exit", 0, "^$", NEVER, None, None, False),
    ("logout", 0, "^$", NEVER, None, None, False),
    ("quit", 0, "^$", NEVER, None, None, False),
) + cases(
    "one",
    ("start", 0, "web is running already", done("web", "start")),
    ("shutdown --yes", 0, "web is (down|off)", done("web", "shutdown"),
     (SHUTDOWN, "web")),
    ("destroy", 2, UNTOUCHED + ".*destroy web --yes", None, None,
     ("Type web to destroy it: ", "db"), "web is as it was"),
    ("destroy --yes", 0, "web", done("web", "destroy"), (DESTROY, "web")),
    ("sysrq h", 0, "web", done("web", "sysrq"), (SYSRQ, "web", "h")),
    # The key was forgotten: a guest's name is none.
    ("sysrq web", 2, "no sysrq key: web.*" + UNTOUCHED),
    ("log", 0, LOGGED, NEVER),
    ("why job", 0, "customer may", {"command": "job", "allowed": True}),
    ("why start", 0, "start", {"guest": "web", "allowed": True}),
    ("pause --no-wait", 0, "The job goes on, ref", {"outcome": "accepted"},
     (PAUSE, "web")),
) + cases(
    "none",
    ("list", 0, "You have no guests here", {"guests": []}),
    ("status", 0, "You have no guests here", {"guests": []}),
    ("start", 4, "no guest of that name"),
    ("start web", 4, "no guest of that name"),
) + cases(
    "paused",
    ("list", 0, "web paused", {"guests": [DB, {"state": "paused"}]}),
    ("pause web", 0, "web ", done("web", "pause"), (PAUSE, "web")),
    ("unpause web", 0, "web ", done("web", "unpause"), (UNPAUSE, "web")),
    ("shutdown web --yes", 1, "web is paused.*Unpause it first",
     {"error": {"name": "paused", "exit": 1}}, (SHUTDOWN, "web")),
    ("start web", 1, "web is paused", None, (START, "web")),
    ("reboot web --yes", 1, "web is paused", None, (REBOOT, "web")),
    ("sysrq web s", 1, "web is paused", None, (SYSRQ, "web", "s")),
    ("destroy web --yes", 0, "web ", done("web", "destroy"),
     (DESTROY, "web")),
) + cases(
    "few",
    ("status web", 0, "you may: view log shutdown sysrq",
     {"guests": [{"rights": ["view", "log", "shutdown", "sysrq"]}]}),
    ("shutdown web --yes", 0, "web is (down|off)", done("web", "shutdown"),
     (SHUTDOWN, "web")),
    ("sysrq web o --yes", 0, "web", done("web", "sysrq"),
     (SYSRQ, "web", "o")),
    ("sysrq web s", 0, "web", done("web", "sysrq"), (SYSRQ, "web", "s")),
    ("start db", 0, "db ", done("db", "start"), (START, "db")),
    ("why destroy web", 3, "destroy", {"command": "destroy", "guest": "web",
                                       "allowed": False}),
    ("why shutdown web", 0, ".", {"allowed": True}),
) + cases(
    "blind",
    ("list", 7, "web unknown .*cannot reach Xen",
     {"guests": [{"name": "db", "state": "unknown"},
                 {"name": "web", "state": "unknown"}],
      "error": {"name": "host", "exit": 7}}),
    ("status web", 7, "state: unknown .*cannot reach Xen"),
    ("start db", 7, "cannot reach Xen.*" + UNTOUCHED),
    ("destroy web --yes", 7, "cannot reach Xen.*" + UNTOUCHED),
    ("whoami", 0, "customer: alice", {"customer": "alice"}),
    ("why start web", 0, "start", {"allowed": True}),
)

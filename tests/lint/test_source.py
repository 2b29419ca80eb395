# SPDX-License-Identifier: ISC
"""House rules that a program can check; one line per finding."""

import functools
import glob
import os
import re
import subprocess

import harness

FOLDERS = ("base", "wire", "policy", "broker", "console", "domain", "store",
           "menu", "shell", "ctl")
# Who may include whom, beside itself.
EDGES = {
    "base": set(),
    "wire": {"base"},
    "policy": {"base", "wire"},
    "broker": {"base", "wire", "policy"},
    "domain": {"base", "wire", "policy"},
    "ctl": {"base", "wire", "policy"},
    "store": {"base", "wire", "policy"},
    "console": {"base", "wire"},
    "menu": {"base", "wire"},
    "shell": {"base", "wire", "menu"},
}
# External headers that only one folder may use.
OWNED_HEADERS = ((r"(libxl|xenstore|xentoollog|xen/)", {"domain"}),
                 (r"libconfig\.h", {"policy"}),
                 (r"(curses|term)\.h", {"menu"}))
FORBIDDEN = ("system", "popen", "strcpy", "strcat", "sprintf", "vsprintf",
             "gets", "alloca")
FUNCTION_CEILING, MAIN_CEILING, FILE_CEILING = 80, 120, 700


@functools.cache
def text(path):
    with open(os.path.join(harness.TOP, path)) as f:
        return f.read()


def files(*patterns):
    found = {os.path.relpath(p, harness.TOP) for pattern in patterns
             for p in glob.glob(os.path.join(harness.TOP, pattern))
             if os.path.isfile(p)}
    return sorted(found)


def c_files(kinds="ch"):
    return files(*["%s/*.[%s]" % (d, kinds) for d in FOLDERS],
                 *["tests/%s/*.[%s]" % (d, kinds)
                   for d in ("bench", "fuzz", "lib", "sandbox", "sim",
                             "system", "unit", "xen")])


def product_files():
    return [p for p in c_files() if not p.startswith("tests/")]


def script_files():
    found = files("Makefile", ".ci/*", "tests/*", "tests/*/*.py",
                  "tests/*/*.sh", "tests/lib/*", "tests/xen/*")
    return [p for p in found if not p.endswith((".c", ".h"))
            and (p.endswith((".py", ".sh", "Makefile"))
                 or text_or_empty(p).startswith("#!"))]


def text_or_empty(path):
    try:
        return text(path)
    except UnicodeDecodeError:
        return ""


def without_comments(source, string=" "):
    """Comments and strings blanked, line numbers kept."""
    def blank(found):
        by = " " if found.group().startswith("/") else string
        return re.sub(r"[^\n]", by, found.group())
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, blank, source, flags=re.DOTALL)


def fail_if(findings):
    if findings:
        raise harness.Findings(findings)


def lines_with(pattern, source):
    for number, line in enumerate(source.split("\n"), 1):
        if found := re.search(pattern, line):
            yield number, found


def test_includes_point_one_way():
    findings = []
    for path in product_files():
        folder = path.split("/")[0]
        for number, m in lines_with(r'^#\s*include\s+"([^"]+)"', text(path)):
            target = m.group(1).split("/")[0]
            if "/" not in m.group(1):
                findings.append('%s:%d: write the folder: "%s/%s"' % (
                    path, number, folder, m.group(1)))
            elif target != folder and target not in EDGES[folder]:
                findings.append("%s:%d: %s/ may not include %s/" % (
                    path, number, folder, target))
    fail_if(findings)


def test_libraries_stay_in_their_folder():
    findings = []
    for path in product_files():
        for number, m in lines_with(r"^#\s*include\s+<([^>]+)>", text(path)):
            for pattern, owners in OWNED_HEADERS:
                if (re.match(pattern, m.group(1))
                        and path.split("/")[0] not in owners):
                    findings.append("%s:%d: <%s> belongs to %s/" % (
                        path, number, m.group(1), "/, ".join(owners)))
    fail_if(findings)


def test_supervisor_and_broker_share_no_file():
    """vpshd*.c is the root program, the rest of broker/ is not."""
    findings = []
    for path in files("broker/*.c"):
        supervisor = os.path.basename(path).startswith("vpshd")
        for number, m in lines_with(r'^#\s*include\s+"broker/([^"]+)"',
                                    text(path)):
            if m.group(1).startswith("vpshd") != supervisor:
                findings.append("%s:%d: includes broker/%s" % (
                    path, number, m.group(1)))
    fail_if(findings)


def test_forbidden_calls_are_absent():
    findings = []
    pattern = r"(?<![\w.>])(%s)\s*\(" % "|".join(FORBIDDEN)
    for path in c_files():
        source = without_comments(text(path))
        findings += ["%s:%d: %s()" % (path, n, m.group(1))
                     for n, m in lines_with(pattern, source)]
    fail_if(findings)


def test_every_source_file_has_its_licence_line():
    findings = []
    for path in c_files():
        if not text(path).startswith("/* SPDX-License-Identifier: ISC */\n"):
            findings.append("%s:1: no SPDX line" % path)
    for path in script_files():
        head = "\n".join(text(path).split("\n")[:2])
        if "# SPDX-License-Identifier: ISC" not in head:
            findings.append("%s:1: no SPDX line" % path)
    fail_if(findings)


def functions(source):
    """(name, first line, length) of KNF functions: braces in column 0."""
    name, start = None, 0
    for number, line in enumerate(source.split("\n"), 1):
        if m := re.match(r"([A-Za-z_]\w*)\(", line):
            name, start = m.group(1), number
        elif line == "}" and name:
            yield name, start, number - start + 1
            name = None
        elif line.startswith("};"):
            name = None


def test_functions_and_files_stay_short():
    findings = []
    for path in c_files():
        length = text(path).count("\n")
        if length > FILE_CEILING:
            findings.append("%s:%d: %d lines, the ceiling is %d" % (
                path, FILE_CEILING, length, FILE_CEILING))
        for name, start, size in functions(without_comments(text(path))):
            ceiling = MAIN_CEILING if name == "main" else FUNCTION_CEILING
            if size > ceiling:
                findings.append("%s:%d: %s() has %d lines, the ceiling is %d"
                                % (path, start, name, size, ceiling))
    fail_if(findings)


def test_nothing_is_left_for_later():
    findings = []
    words = r"\b(%s)\b" % "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3))
    for path in c_files() + script_files() + files("etc/*", "etc/*/*",
                                                   "docs/*", "*.md"):
        findings += ["%s:%d: %s" % (path, n, m.group(1))
                     for n, m in lines_with(words, text_or_empty(path))]
    fail_if(findings)


def test_tests_wait_for_events_and_never_sleep():
    findings = []
    pattern = r"(?<!\w)(u|nano)?sleep\s*\(|[\"']sleep [0-9]|^\s*sleep [0-9.]"
    for path in files("tests/*/*.c", "tests/*/*.py", "tests/*/*.sh",
                      "tests/xen/*"):
        if path == "tests/lint/test_source.py":
            continue
        findings += ["%s:%d: %s" % (path, n, m.group().strip())
                     for n, m in lines_with(pattern, text_or_empty(path))]
    fail_if(findings)


def statements(source):
    """(line, text): what folding long lines and aligning columns leaves.

    Indentation of a statement counts, and every blank or none between two
    tokens; how wide it is and where a statement is folded does not.
    """
    found, fresh, in_comment, depth, lists = [], True, False, 0, 0
    codes = without_comments(source, "s").split("\n")
    for number, line in enumerate(source.split("\n"), 1):
        code = codes[number - 1].strip()
        words = re.sub(r"\s+", " ", line.strip()).replace("* ", "*")
        if fresh:
            found.append((number, re.match(r"\s*", line).group() + words))
        else:
            before, so_far = found[-1]
            glue = "" if so_far.endswith(("(", "[")) else " "
            found[-1] = (before, so_far.removesuffix("\\").rstrip() + glue
                         + words)
        in_comment = (in_comment or "/*" in words) and "*/" not in words
        depth += code.count("(") - code.count(")")
        if lists or code.endswith("= {"):
            lists += code.count("{") - code.count("}")
        fresh = (in_comment or not code or depth == 0
                 and lists == 0 and not code.endswith("\\")
                 and (code.endswith((";", "{", "}")) or code.startswith("#")
                      or bool(re.search(r"^(case .*|\w+):$", code))))
    return [part for line in found for part in without_short_case(*line)]


def without_short_case(number, line):
    """`case A: return 1;` on one line is as good as on two."""
    found = re.match(r"(\s*)(case [^:]+:|default:) (?!/\*)(.+)$", line)
    if not found:
        return [(number, line)]
    indent, label, rest = found.groups()
    return [(number, indent + label)] + [
        (number, indent + "\t" + s) for s in
        re.split(r"(?<=;) (?!/\*)", rest)]


def formatted(paths):
    """What clang-format makes of each; one call, as starting it is slow."""
    done = harness.run(["clang-format", "--style=file", *paths],
                       cwd=harness.TOP)
    assert done.returncode == 0, done.stderr
    head = "/* SPDX-License-Identifier: ISC */\n"
    parts = done.stdout.split(head)
    assert len(parts) == len(paths) + 1, "a file has no SPDX line"
    return zip(paths, [head + part for part in parts[1:]])


def test_c_files_are_formatted_but_for_folds_and_columns():
    findings = []
    for path, wanted in formatted(c_files("c")):
        for ours, theirs in zip(statements(text(path)), statements(wanted)):
            if ours[1] != theirs[1]:
                findings.append("%s:%d: clang-format would write: %s" % (
                    path, ours[0], theirs[1].strip()))
                break
    fail_if(findings)


def test_return_types_stand_on_their_own_line():
    findings = []
    for path in c_files("c"):
        source = without_comments(text(path))
        for m in re.finditer(r"^[a-z]\w*[\w *]*[ *](\w+)\([^;{}]*\)\n\{",
                             source, re.M):
            findings.append("%s:%d: %s()" % (
                path, source.count("\n", 0, m.start()) + 1, m.group(1)))
    fail_if(findings)


def test_lines_are_80_columns_of_tabs_and_no_blank_at_the_end():
    """Headers too, which are laid out by hand: columns make them readable."""
    findings = []
    for path in c_files():
        for number, line in enumerate(text(path).split("\n"), 1):
            if len(line.expandtabs(8)) > 80:
                findings.append("%s:%d: over 80 columns" % (path, number))
            if line != line.rstrip():
                findings.append("%s:%d: blanks at the end" % (path, number))
            if line.startswith("        "):
                findings.append("%s:%d: indented with blanks" % (path,
                                                                 number))
    fail_if(findings)


@harness.deadline(300)
def test_cppcheck_finds_nothing():
    done = harness.run(
        ["cppcheck", "-q", "--std=c11", "--inline-suppr",
         "--enable=warning,performance,portability",
         "--suppress=missingIncludeSystem", "--suppress=unusedFunction",
         # It takes sizeof(p->member) for a use; gcc looks for real ones.
         "--suppress=uninitvar",
         "--error-exitcode=1", "--template={file}:{line}: {id}: {message}",
         "-j%d" % os.cpu_count(), "-I.",
         "-I/usr/include/x86_64-linux-gnu", "-D__linux__", "-D_GNU_SOURCE",
         '-DVPSH_ETC="e"', '-DVPSH_VAR="v"', '-DVPSH_RUN="r"',
         '-DVPSH_LOG="l"', '-DVPSH_LIBEXEC="x"', '-DVPSH_BIN="b"',
         '-DVPSH_SBIN="s"', '-DVPSH_BUILD="0"',
         *[d for d in FOLDERS if files(d + "/*.c")]],
        seconds=290, cwd=harness.TOP)
    fail_if(sorted(set((done.stdout + done.stderr).split("\n")) - {""})
            if done.returncode else [])


@harness.deadline(600)
def test_release_build_has_no_warning():
    done = harness.run(
        ["make", "-j%d" % os.cpu_count(), "FLAVOUR=release", "B=build/werror",
         "WERROR=1", "all", "sim"], seconds=590, cwd=harness.TOP,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        capture_output=False)
    found = re.findall(r"^\S+:\d+:\d+: (?:fatal error|error|warning).*",
                       done.stdout, re.M)
    if done.returncode != 0 and not found:
        found = done.stdout.split("\n")[-20:]
    fail_if(found)

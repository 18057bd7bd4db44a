"""Descriptors as we read, write and apply them, compared with Samba on thousands of random ones.

STANDPIPE_SEED=number repeats a run; a failure prints the number.
"""

import os
import random
import re
import subprocess

import pytest
from debian import run_bindings

COUNT = 3000

# Where Samba 4.17 differs from Windows, so that the random descriptors leave it out:
# - Conditional, mandatory label, resource attribute, scoped policy and callback entries: Samba does not know them in
#   SDDL. (Our unit tests have the examples of [MS-DTYP].)
# - DA, LA and the other aliases of a domain: Samba completes them with a domain that it is told; we keep them as they
#   are until a machine is known.
# - FA: Samba has 0x1ff, the standard rights are missing (corrected in later versions). KA, KR, KW, KX: not known.
# - Decimal and octal masks: Samba reads them as 0.
# - An empty DACL with flags before a SACL: Samba takes the S of S: for one more flag.
# - Small letters, and spaces between sections: Windows takes them, Samba does not.
ALIASES = (
    "AA AC AN AO AU BA BG BO BU CD CG CO CY ED ER ES HA HI IS IU LS LU LW ME MP MU NO NS NU OW PO PS PU RA RC RD RE RM "
    "RU SI SO SS SU SY UD WD WR"
).split()
RIGHTS = "FR FW FX GA GR GW GX RP WP CR CC DC LC LO RC WO WD SD DT SW".split()
FLAGS = "OI CI NP IO ID".split()
AUDIT_FLAGS = [*FLAGS, "SA", "FA"]

USER = "S-1-5-21-1-2-3-1001"
# Those a token may have by membership, and those every log-on gives.
GROUPS = ("S-1-5-32-544", "S-1-5-32-545", "S-1-5-32-546", "S-1-5-32-555", "S-1-5-21-1-2-3-2001", "S-1-5-21-1-2-3-2002")
TRUSTEES = (
    USER, *GROUPS, "AU", "WD", "NU", "AN", "OW", "SY", "CO", "S-1-5-64-10", "S-1-5-113", "S-1-5-21-9-9-9-1001",
)  # fmt: skip
MAXIMUM_ALLOWED = 0x02000000
PIPE_RIGHTS = (0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000)
GENERIC_RIGHTS = (0x80000000, 0x40000000, 0x20000000, 0x10000000)


@pytest.fixture
def chance(request):
    """The random numbers of a test. Their seed is printed when it fails."""
    seed = int(os.environ.get("STANDPIPE_SEED") or random.SystemRandom().getrandbits(32))
    print(f"STANDPIPE_SEED={seed}")
    return random.Random(f"{seed} {request.node.name}")


def ask_us(answers, questions):
    return answered(subprocess.run([answers], input=lines(questions), capture_output=True, text=True), questions)


def ask_samba(questions):
    return answered(run_bindings("descriptors.py", input=lines(questions)), questions)


def lines(questions):
    return "".join("\t".join(map(str, question)) + "\n" for question in questions)


def answered(process, questions):
    assert process.returncode == 0, process.stderr
    answers = [line.split("\t") for line in process.stdout.splitlines()]
    assert len(answers) == len(questions), process.stderr
    return answers


def both_forms(answers, questions):
    """The binary and the text form of each; nobody refuses any."""
    refused = [(question, answer) for question, answer in zip(questions, answers) if answer[0] != "ok"]
    assert not refused, f"{len(refused)} of {len(questions)} refused, the first: {refused[0]}"
    return [(form, text) for _, form, text in answers]


def any_sid(chance):
    if chance.random() < 0.7:
        return chance.choice(ALIASES)
    values = [chance.choice((0, 1, 21, 32, 500, chance.getrandbits(32))) for _ in range(chance.randint(1, 15))]
    return "-".join(["S-1", str(chance.choice((1, 3, 5, 5, 15, 16, chance.getrandbits(32)))), *map(str, values)])


def any_guid(chance):
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join(digits[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


def any_rights(chance):
    if chance.random() < 0.3:
        return f"0x{chance.getrandbits(32):x}"
    return "".join(chance.sample(RIGHTS, chance.randint(1, 6)))


def any_entry(chance, kinds, flags):
    kind = chance.choice(kinds)
    guids = [chance.choice(("", any_guid(chance))) if kind.startswith("O") else "" for _ in range(2)]
    chosen = chance.sample(flags, chance.choice((0, 0, 1, 2, len(flags))))
    return f"({kind};{''.join(chosen)};{any_rights(chance)};{';'.join(guids)};{any_sid(chance)})"


def any_acl(chance, kinds, flags):
    control = "".join(chance.sample(("P", "AI", "AR"), chance.choice((0, 0, 1, 2, 3))))
    return control + "".join(any_entry(chance, kinds, flags) for _ in range(chance.choice((0, 1, 1, 2, 3, 8))))


def any_descriptor(chance):
    parts = [
        f"O:{any_sid(chance)}",
        f"G:{any_sid(chance)}",
        f"D:{any_acl(chance, ('A', 'D', 'A', 'D', 'OA', 'OD'), FLAGS)}",
        f"S:{any_acl(chance, ('AU', 'OU'), AUDIT_FLAGS)}",
    ]
    chosen = [part for part in parts if chance.random() < 0.75] or [parts[2]]
    # Only at the end can Samba read an empty ACL with flags.
    return "".join(part for part in chosen if part[0] not in "DS" or "(" in part or part is chosen[-1]) or parts[2]


def without_sets(text):
    """The names of sets of rights, which we write and Samba does not read right, as numbers."""
    sets = {"FA": "0x1f01ff", "KA": "0xf003f", "KR": "0x20019", "KW": "0x20006"}
    return re.sub(r"(\(\w+;\w*;)(FA|KA|KR|KW);", lambda found: f"{found[1]}{sets[found[2]]};", text)


def assert_same(questions, ours, sambas):
    different = [(question, our, samba) for question, our, samba in zip(questions, ours, sambas) if our != samba]
    assert not different, f"{len(different)} of {len(questions)} differ, the first:\n" + "\n".join(
        map(str, different[0])
    )


def test_text_is_read_and_written_as_samba_does(answers, chance):
    questions = [("parse", any_descriptor(chance)) for _ in range(COUNT)]
    ours = both_forms(ask_us(answers, questions), questions)
    sambas = both_forms(ask_samba(questions), questions)

    # The parts may stand in any order in the binary form, so ours is read and written again by Samba.
    read = [("read", form) for form, _ in ours]
    assert_same(questions, [form for form, _ in both_forms(ask_samba(read), read)], [form for form, _ in sambas])

    written = [("parse", without_sets(text)) for _, text in ours]
    again = both_forms(ask_samba(written), written)
    assert_same(written, [form for form, _ in again], [form for form, _ in sambas])

    written = [("parse", text) for _, text in sambas]
    again = both_forms(ask_us(answers, written), written)
    assert_same(written, again, ours)


def test_the_binary_form_is_read_as_samba_does(answers, chance):
    texts = [("parse", any_descriptor(chance)) for _ in range(COUNT)]
    questions = [("read", form) for form, _ in both_forms(ask_samba(texts), texts)]
    ours = both_forms(ask_us(answers, questions), questions)
    read = [("read", form) for form, _ in ours]
    assert_same(texts, [form for form, _ in both_forms(ask_samba(read), read)], [form for _, form in questions])


# Each is refused by both.
BROKEN = (
    "D:(A;;GA;;;BA", "D:A;;GA;;;BA)", "D:(A;;GA;;BA)", "D:(A;;GA;;;)", "D:(A;;GA;;;ZZ)", "D:(Q;;GA;;;BA)",
    "D:(A;XX;GA;;;BA)", "D:(A;;XX;;;BA)", "D:(A;;GAG;;;BA)", "D:(A;;GA;;;BA)x", "x", "O:ZZ", "O:BAx", "X:BA",
    "D:(A;;GA;;;S-1)", "D:Z(A;;GA;;;BA)",
    "D:(A;;GA;;;BA)D:(A;;GA;;;BG)",
)  # fmt: skip
# What each makes of texts on which they differ, with the reason why we do not do as Samba does.
DIFFERENT = {
    "": ("refused", "ok", "nothing is more likely a mistake than a descriptor"),
    "D:(A;;1;;;BA)": ("ok", "ok", "a decimal number; Samba reads 0"),
    "D:(A;;FA;;;BA)": ("ok", "ok", "Samba's FA lacks the standard rights"),
    "D:(A;;KA;;;BA)": ("ok", "refused", "the rights of registry keys are SDDL all the same"),
    "D:NO_ACCESS_CONTROL": ("ok", "refused", "Windows' word for a NULL DACL"),
    "d:(a;;ga;;;ba)": ("ok", "refused", "Windows takes small letters"),
    " D:(A;;GA;;;BA)": ("ok", "refused", "Windows takes spaces"),
    "S:(ML;;NW;;;HI)": ("ok", "refused", "mandatory labels are newer than Samba's parser"),
    "D:(XA;;GA;;;WD;(Member_of{SID(BA)}))": ("ok", "refused", "conditions are newer than Samba's parser"),
    "O:DA": ("refused", "ok", "there is no domain to complete it with, and no binary form before that"),
    "D:(A;;0xg;;;BA)": ("refused", "ok", "Samba takes what is no number for 0"),
    "D:(A;;GA;;;S-1-0x5-21)": ("ok", "ok", "Windows takes a hexadecimal authority; Samba reads S-1-0"),
    "D:(A;;GA;;;S-2-5-32-544)": ("refused", "ok", "there is only revision 1"),
    "D:PS:(AU;SA;GA;;;WD)": ("ok", "refused", "Samba takes the S for one more flag of the DACL"),
}


def test_broken_text_is_refused_by_both(answers):
    questions = [("parse", text) for text in BROKEN]
    assert [answer[0] for answer in ask_us(answers, questions)] == ["refused"] * len(BROKEN)
    assert [answer[0] for answer in ask_samba(questions)] == ["refused"] * len(BROKEN)


def test_known_differences_are_as_they_were(answers):
    """When one of them is gone, it belongs with the random descriptors."""
    questions = [("parse", text) for text in DIFFERENT]
    ours, sambas = ask_us(answers, questions), ask_samba(questions)
    assert [(our[0], samba[0]) for our, samba in zip(ours, sambas)] == [each[:2] for each in DIFFERENT.values()]
    assert not [question for question, our, samba in zip(questions, ours, sambas) if our[:2] == samba[:2]]


def any_mask(chance):
    rights = chance.sample(PIPE_RIGHTS, chance.choice((1, 1, 2, 5)))
    return sum(rights + chance.sample(GENERIC_RIGHTS, chance.choice((0, 0, 1))))


def any_case(chance):
    """A descriptor, the groups of an account, and the rights that it wants."""
    entries = []
    for _ in range(chance.choice((0, 1, 2, 3, 5, 8))):
        # An entry for one kind of object grants nothing to whoever names no object, and denies all the same.
        kind = chance.choice(("A", "A", "A", "D", "OA", "OD"))
        guid = any_guid(chance) if kind.startswith("O") else ""
        flags = "".join(chance.sample(FLAGS, chance.choice((0, 0, 0, 1, 2))))
        entries.append(f"({kind};{flags};0x{any_mask(chance):x};{guid};;{chance.choice(TRUSTEES)})")
    owner = f"O:{chance.choice(TRUSTEES)}" if chance.random() < 0.8 else ""
    wanted = chance.choice((any_mask(chance), any_mask(chance), MAXIMUM_ALLOWED, MAXIMUM_ALLOWED | any_mask(chance)))
    return f"{owner}D:{''.join(entries)}", chance.sample(GROUPS, chance.randint(0, len(GROUPS))), wanted


def test_access_is_granted_when_samba_grants_it(answers, chance):
    cases = [any_case(chance) for _ in range(COUNT)]
    texts = [("parse", sddl) for sddl, _, _ in cases]
    forms = [form for form, _ in both_forms(ask_us(answers, texts), texts)]
    questions = [("check", form, USER, ",".join(groups), wanted) for form, (_, groups, wanted) in zip(forms, cases)]
    ours = ask_us(answers, questions)
    assert not [answer for answer in ours if answer[0] == "refused"]
    sids = [answer[2] for answer in ours]
    questions = [("check", form, those, wanted) for form, those, (_, _, wanted) in zip(forms, sids, cases)]
    sambas = ask_samba(questions)
    # Whoever asks for what there is and gets nothing is denied, as Windows does; Samba grants nothing at all.
    sambas = [["denied"] if answer == ["granted", "0"] else answer for answer in sambas]
    ours = [answer[:2] if answer[0] == "granted" else answer[:1] for answer in ours]
    assert_same(cases, ours, sambas)
    granted = sum(answer[0] == "granted" for answer in ours)
    assert COUNT // 5 < granted < COUNT * 4 // 5, f"{granted} of {COUNT}: these cases would not find much"

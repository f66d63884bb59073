"""arm64 instructions that are easy to get wrong, in groups. A case is one instruction or several with `;` between."""

from collections.abc import Iterable
from itertools import product

__all__ = ["GROUPS", "HEADER"]

HEADER = ".arch armv8.5-a+crc+memtag\n.text"

CONDITIONS = ("eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
SHIFTS = ("lsl", "lsr", "asr")
EXTENSIONS = ("uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx")
ATOMICS = ("add", "clr", "eor", "set", "smax", "smin", "umax", "umin")
ORDERS = ("", "a", "l", "al")
WIDTHS = ("b", "h", "w", "x")  # a suffix b or h goes with a W register


def _each(*templates: str, **values: Iterable[object]) -> list[str]:
    """Fill in every combination of the values that a template names."""
    found = []
    for template in templates:
        named = [name for name in values if f"{{{name}}}" in template]
        found += [
            template.format(**dict(zip(named, chosen, strict=True)))
            for chosen in product(*(tuple(values[name]) for name in named))
        ]
    return found


def _sized(template: str) -> list[str]:
    """Fill in {r} and {s}: the register letter and the suffix of each access size."""
    return [template.format(r="x" if w == "x" else "w", s=w if w in "bh" else "") for w in WIDTHS]


def _ordered(template: str) -> list[str]:
    return [case for order in ORDERS for case in _sized(template.replace("{o}", order))]


def _arithmetic() -> list[str]:
    with_flags = ("add", "adds", "sub", "subs")
    return [
        *_each("{op} {r}0, {r}1, {r}2", op=(*with_flags, "adc", "adcs", "sbc", "sbcs"), r="wx"),
        *_each("{op} {r}0, {r}1, #{n}", op=with_flags, r="wx", n=(0, 1, 4095, "1, lsl #12", "4095, lsl #12")),
        *_each("{op} w0, w1, w2, {s} #{n}", op=with_flags, s=SHIFTS, n=(0, 1, 31)),
        *_each("{op} x0, x1, x2, {s} #{n}", op=with_flags, s=SHIFTS, n=(0, 1, 32, 63)),
        *_each("{op} w0, w1, w2, {e} #{n}", op=with_flags, e=EXTENSIONS, n=(0, 1, 4)),
        *_each("{op} x0, x1, w2, {e} #{n}", op=with_flags, e=[e for e in EXTENSIONS if e[-1] != "x"], n=(0, 3)),
        *_each("{op} x0, x1, x2, {e} #{n}", op=with_flags, e=("uxtx", "sxtx"), n=(0, 2)),
        *_each("{op} {r}0, {r}1", op=("ngc", "ngcs", "neg", "negs", "cmp", "cmn", "mvn", "tst"), r="wx"),
        *_each("{op} {r}0, #{n}", op=("cmp", "cmn"), r="wx", n=(0, 1, 0xFFF)),
        *_each("cmp x0, w1, {e}; cmn x3, w4, {e} #2", e=("uxtb", "sxtw")),
        *_each("adds {r}0, {r}0, {r}0; subs {r}1, {r}1, {r}1; adcs {r}2, {r}3, {r}4; sbcs {r}5, {r}6, {r}7", r="wx"),
        *("add sp, sp, #16", "sub sp, sp, x1", "add x0, sp, w1, uxtw", "mov sp, x3", "mov x3, sp", "and sp, x1, #-16"),
        *("add wsp, wsp, #16", "subs xzr, x1, x2", "adds wzr, w1, w2", "sub x0, xzr, x1", "add x0, x1, xzr"),
        *_each("{op} {r}0, {r}1, {r}2, {r}3", op=("madd", "msub"), r="wx"),
        *_each("{op} {r}0, {r}1, {r}2", op=("mul", "mneg", "sdiv", "udiv"), r="wx"),
        *_each("{op} x0, w1, w2, x3", op=("umaddl", "smaddl", "umsubl", "smsubl")),
        *_each("{op} x0, w1, w2", op=("umull", "smull", "umnegl", "smnegl")),
        *_each("{op} x0, x1, x2", op=("umulh", "smulh")),
    ]


def _logic() -> list[str]:
    operations = ("and", "ands", "orr", "eor", "bic", "bics", "orn", "eon")
    return [
        *_each("{op} w0, w1, w2, {s} #{n}", op=operations, s=(*SHIFTS, "ror"), n=(0, 1, 31)),
        *_each("{op} x0, x1, x2, {s} #{n}", op=operations, s=(*SHIFTS, "ror"), n=(0, 1, 32, 63)),
        *_each("{op} w0, w1, #{n}", op=operations[:4], n=(1, 0x80000000, 0xFF00FF, 0x55555555, 0x7FFFFFFF)),
        *_each("{op} x0, x1, #{n}", op=operations[:4], n=(1, 1 << 63, 0x00FF00FF00FF00FF, 0xFFFFFFFF00000000)),
        *_each("tst {r}0, #1; tst {r}1, {r}2, lsr #3", r="wx"),
        *_each("{op} {r}0, {r}1, {r}2", op=("lsl", "lsr", "asr", "ror"), r="wx"),
        *_each("{op} w0, w1, #{n}", op=("lsl", "lsr", "asr", "ror"), n=(0, 1, 15, 31)),
        *_each("{op} x0, x1, #{n}", op=("lsl", "lsr", "asr", "ror"), n=(0, 1, 32, 63)),
        *_each("extr w0, w1, w2, #{n}", n=(0, 1, 16, 31)),
        *_each("extr x0, x1, x2, #{n}", n=(0, 1, 32, 63)),
        *_each("{op} {r}0, {r}1", op=("clz", "cls", "rbit", "rev", "rev16", "mov"), r="wx"),
        *("rev32 x0, x1", "mov w3, wzr", "mov x3, xzr", "mvn x0, x1, lsl #7", "mvn w0, w1, asr #9"),
        *_each("{op} w0, w1", op=("sxtb", "sxth", "uxtb", "uxth")),
        *_each("{op} x0, w1", op=("sxtb", "sxth", "sxtw")),
        *_each("{op} w0, #{n}", op=("movz", "movn", "movk"), n=(0, 1, 0xFFFF, "0x8000, lsl #16")),
        *_each("{op} x0, #{n}", op=("movz", "movn", "movk"), n=(0, "1, lsl #16", "0xffff, lsl #32", "0x8000, lsl #48")),
        *("mov x0, #0xffffffffffff1234", "mov w0, #0xff00ff00", "movk x1, #1; movk x1, #2, lsl #48"),
        *("adr x0, . + 8", "adr x1, . - 1", "adrp x2, .", "adrp x3, . + 0x12345000", "adr x30, . + 0xffff0"),
    ]


def _bit_fields() -> list[str]:
    operations = ("bfi", "bfxil", "ubfiz", "ubfx", "sbfiz", "sbfx")
    fields = ((0, 1), (0, 8), (1, 7), (3, 16), (7, 25), (31, 1), (0, 32), (0, 31))
    wide = ((0, 1), (0, 64), (5, 30), (31, 2), (32, 32), (63, 1), (40, 8), (0, 63))
    return [
        *(f"{op} w0, w1, #{low}, #{width}" for op in operations for low, width in fields),
        *(f"{op} x0, x1, #{low}, #{width}" for op in operations for low, width in wide),
        *("bfc w0, #3, #4", "bfc x0, #30, #20", "bfi x1, x1, #8, #8", "bfxil w2, w2, #8, #8"),
    ]


def _conditions() -> list[str]:
    return [
        *_each("{op} {r}0, {r}1, {r}2, {c}", op=("csel", "csinc", "csinv", "csneg"), r="wx", c=CONDITIONS),
        *_each("{op} {r}0, {c}", op=("cset", "csetm"), r="wx", c=CONDITIONS),
        *_each("{op} {r}0, {r}1, {c}", op=("cinc", "cinv", "cneg"), r="wx", c=CONDITIONS[:4]),
        *_each("{op} {r}0, {r}1, #{n}, {c}", op=("ccmp", "ccmn"), r="wx", n=(0, 15, 9), c=CONDITIONS),
        *_each("{op} {r}0, #{i}, #{n}, {c}", op=("ccmp", "ccmn"), r="wx", i=(0, 31), n=(0, 6), c=CONDITIONS),
        *_each("b.{c} . + 12", c=CONDITIONS),
        *_each("{op} {r}0, . + 8", op=("cbz", "cbnz"), r="wx"),
        *_each("{op} w0, #{n}, . + 8", op=("tbz", "tbnz"), n=(0, 1, 7, 31)),
        *_each("{op} x0, #{n}, . + 8", op=("tbz", "tbnz"), n=(0, 32, 40, 63)),
        *("csel x0, x1, xzr, al", "ccmp w0, w1, #3, nv", "csel w0, w0, wzr, nv", "setf8 w0", "setf16 w1", "cfinv"),
    ]


def _loads() -> list[str]:
    plain = ("ldr {r}0, {a}", "str {r}0, {a}")
    small = ("ldr{s} w0, {a}", "str{s} w0, {a}", "ldrs{s} w0, {a}", "ldrs{s} x0, {a}")
    at = ("[x1]", "[x1, #{n}]", "[x1, #8]!", "[x1], #-8", "[x1, #-256]!", "[x1], #255", "[sp]", "[sp, #-16]!")
    by = ("[x1, x2]", "[x1, w2, uxtw]", "[x1, w2, sxtw]", "[x1, x2, sxtx]", "[sp, x2]")
    pairs = ("[x4]", "[x4, #-64]", "[x4, #16]!", "[x4], #-24")
    loads = []
    for access, size in (
        *((a.replace("{s}", s), n) for a in small for s, n in (("b", 1), ("h", 2))),
        *((a.replace("{r}", r), n) for a in plain for r, n in (("w", 4), ("x", 8))),
        *(("ldrsw x0, {a}", 4), ("prfm pldl1keep, {a}", 8)),
    ):
        scaled = [f"{a[:-1]} #{size.bit_length() - 1}]" for a in by[1:4] if size > 1] + [
            f"[x1, x2, lsl #{size.bit_length() - 1}]"
        ]
        writes_back = {a for a in at if "!" in a or "]," in a}
        modes = [a.format(n=4095 * size) for a in at if not ("prfm" in access and a in writes_back)]
        loads += [access.format(a=a) for a in (*modes, *by, *scaled)]
    return [
        *loads,
        *_sized("ldur{s} {r}0, [x1, #-3]; stur{s} {r}2, [x1, #5]"),
        *("ldursb w0, [x1, #-1]", "ldursb x0, [x1, #1]", "ldursh w0, [x1, #-1]", "ldursh x0, [x1, #7]"),
        *("ldursw x0, [x1, #-255]", "str wzr, [x1]", "str xzr, [x1], #8", "strb wzr, [x1, #1]!", "ldr xzr, [x1], #16"),
        *_each("{op}{s} w0, [x1, #2]", op=("ldtr", "sttr"), s=("b", "h", "")),
        *_each("ldp {r}0, {r}1, {a}; stp {r}2, {r}3, {a}", r="wx", a=pairs),
        *_each("ldpsw x0, x1, {a}", a=pairs),
        *("stp x29, x30, [sp, #-32]!", "ldp x29, x30, [sp], #32", "stp xzr, xzr, [x4, #8]", "ldp x0, xzr, [x4], #16"),
        *("ldp x4, x1, [x4]", "ldp x1, x4, [x4, #8]", "ldp w4, w1, [x4]", "ldr x1, [x1]", "ldr w1, [x1, #8]"),
        *("ldnp x0, x1, [x4, #16]", "stnp w0, w1, [x4, #-8]", "ldr x1, [x1, x2]", "ldr x2, [x1, x2]"),
        *(
            "ldpsw x4, x1, [x4]",
            "ldr x0, .",
            "ldr w0, . + 4",
            "ldrsw x0, . - 4",
            "str x1, [x1]",
            "stp x4, x4, [x4, #8]",
        ),
    ]


def _ordered_accesses() -> list[str]:
    pairs = _each("ld{o}xp {r}0, {r}1, [x4]; st{p}xp w5, {r}2, {r}3, [x4]", o=("", "a"), p=("", "l"), r="wx")
    return [
        *(case for op in ("ldar", "ldlar", "ldapr") for case in _sized(op + "{s} {r}0, [x1]") if op != "ldlar"),
        *_sized("stlr{s} {r}0, [x1]"),
        *("ldar x0, [sp]", "stlr wzr, [sp]", "ldapr x0, [sp]", "ldapr xzr, [x1]", "ldaprb w1, [x1]", "ldapr w1, [x1]"),
        *(case for o, p in product(("", "a"), ("", "l"))
          for case in _sized(f"ld{o}xr{{s}} {{r}}0, [x1]; add {{r}}0, {{r}}0, {{r}}2; st{p}xr{{s}} w3, {{r}}0, [x1]")),
        *pairs,
        *_sized("ldxr{s} {r}0, [x1]; stxr{s} wzr, {r}2, [x1]"),
        *_sized("ldxr{s} {r}0, [x1]; stxr{s} w3, {r}zr, [x1]; stxr{s} w5, {r}6, [x1]"),  # the second one fails
        *_sized("ldaxr{s} {r}0, [x1]; clrex; stlxr{s} w3, {r}2, [x1]"),
        *_sized("stxr{s} w3, {r}2, [x1]"),
        *("stxp w3, x2, x5, [x1]", "stlxp w3, w2, w5, [x1]", "ldxr xzr, [x1]", "ldxr x1, [x1]", "ldxp x1, x2, [x1]"),
        *("ldxr x0, [sp]; stxr w1, x2, [sp]", "ldaxp w0, w1, [sp]; stlxp w2, w3, w5, [sp]"),
        *("ldxr x0, [x1]; add x1, x1, #16; stxr w3, x0, [x1]",),
        *_each("ldapur {r}0, [x1, #-3]; stlur {r}2, [x1, #5]", r="wx"),
    ]  # fmt: skip


def _compare_and_swap() -> list[str]:
    return [
        *_ordered("cas{o}{s} {r}0, {r}1, [x4]"),
        *_sized("cas{s} {r}0, {r}zr, [x4]"),
        *_sized("cas{s} {r}zr, {r}1, [x4]"),
        *_sized("cas{s} {r}1, {r}1, [x4]"),
        *("cas x0, x1, [sp]", "cas x4, x1, [x4]", "cas w4, w1, [x4]", "cas x1, x4, [x4]", "casb w4, w1, [x4]"),
        *_each("casp{o} {r}0, {r}1, {r}2, {r}3, [x4]", o=ORDERS, r="wx"),
        *_each("casp {r}2, {r}3, {r}2, {r}3, [x4]", r="wx"),
        *_each("casp {r}4, {r}5, {r}2, {r}3, [x4]", r="wx"),
        *_each("casp {r}0, {r}1, {r}4, {r}5, [x4]", r="wx"),
        *_each("casp {r}0, {r}1, {r}2, {r}3, [sp]", r="wx"),
        *_each("casp {r}0, {r}1, {r}30, {r}zr, [x4]", r="wx"),
        *_each("casp {r}30, {r}zr, {r}0, {r}1, [x4]", r="wx"),
    ]


def _atomics() -> list[str]:
    return [
        *(case for op in ATOMICS for case in _ordered(f"ld{op}{{o}}{{s}} {{r}}0, {{r}}1, [x4]")),
        *(f"st{op}{o}{s} {r}0, [x4]" for op in ATOMICS for o in ("", "l") for r, s in
          (("w", "b"), ("w", "h"), ("w", ""), ("x", ""))),
        *_ordered("swp{o}{s} {r}0, {r}1, [x4]"),
        *_sized("swp{s} {r}0, {r}zr, [x4]; mov x2, xzr; str xzr, [x4]"),  # what goes to xzr is gone
        *_sized("ldadda{s} {r}0, {r}zr, [x4]; add x2, x3, xzr"),
        *_sized("ldclr{s} {r}zr, {r}1, [x4]"),
        *_sized("swp{s} {r}0, {r}0, [x4]"),
        *_sized("ldadd{s} {r}0, {r}0, [sp]"),
        *_sized("ldadd{s} {r}0, {r}4, [x4]"),
        *_sized("ldeor{s} {r}4, {r}1, [x4]"),
        *_sized("ldsmax{s} {r}4, {r}4, [x4]"),
    ]  # fmt: skip


def _others() -> list[str]:
    return [
        *("b . + 8", "b . - 4", "bl . + 8", "bl . - 0x100", "br x0", "blr x0", "blr x30", "ret", "ret x7"),
        *("nop", "yield", "wfe", "sev", "sevl", "hint #7", "csdb", "esb", "dgh", "bti", "bti c", "bti j", "bti jc"),
        *("paciasp", "autiasp", "pacibsp", "autibsp", "paciaz", "autiaz", "pacia1716", "autia1716", "xpaclri"),
        *("pacia x0, x1", "autia x0, sp", "pacizb x2", "pacda x3, x4", "xpaci x5", "retaa", "retab", "braaz x0"),
        *("braa x0, x1", "blraa x0, x1", "blraaz x30"),
        *_each("{op}", op=("dmb ish", "dmb ishld", "dmb ishst", "dmb sy", "dsb ish", "dsb sy", "isb", "sb", "ssbb")),
        *("clrex", "prfm pstl1strm, [x1]", "prfm pldl1keep, . + 8", "prfum pldl1keep, [x1, #-1]"),
        *("mrs x0, daif", "msr daifset, #15", "msr daifset, #3", "msr daifset, #2", "msr daifclr, #2"),
        *("msr daif, x0; mrs x1, daif", "msr daif, xzr; mrs xzr, daif", "mrs x0, daif; msr daifset, #3; msr daif, x0"),
        *("mrs x0, sp_el0", "mrs x1, tpidr_el1", "mrs xzr, tpidr_el1", "mrs x30, sp_el0", "msr daifclr, #15"),
        *("brk #0", "brk #0x800", "udf #0", "udf #5"),
    ]


GROUPS: dict[str, list[str]] = {
    "arithmetic": _arithmetic(),
    "logic": _logic(),
    "bit fields": _bit_fields(),
    "conditions": _conditions(),
    "loads and stores": _loads(),
    "ordered and exclusive": _ordered_accesses(),
    "compare and swap": _compare_and_swap(),
    "atomics": _atomics(),
    "others": _others(),
}

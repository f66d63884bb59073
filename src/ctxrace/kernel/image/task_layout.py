"""Where the tasks of a program have what the model must know of them: from the program's own debug information.

A program that was compiled with our headers has their layout. What was compiled with others has its own, and says it
in DWARF. Where nothing says it, the tasks' memory is not known, and code that reaches into it is refused.
"""

from collections.abc import Callable
from dataclasses import replace
from weakref import WeakKeyDictionary

from ctxrace.core.errors import ImageError
from ctxrace.kernel.image.booted_image import BootedImage
from ctxrace.kernel.image.task_struct import HEADERS, MEMBERS, NOT_RESCHEDULED, UNKNOWN, TaskStruct
from ctxrace.machine.arch import Architecture
from ctxrace.machine.btf import Btf, TypeKind
from ctxrace.machine.image import Image
from ctxrace.machine.layout import Layout, part, spell

__all__ = ["agree", "of_layout", "of_types", "task_struct"]

_RECORD = b"compiled rcu "  # each file that includes our headers leaves one (ctxrace/scenario.h)
_known: WeakKeyDictionary[Image, TaskStruct] = WeakKeyDictionary()


def task_struct(image: Image) -> TaskStruct:
    """Return where the tasks of `image` have what the model must know; `UNKNOWN` where the file does not say.

    Raises `ImageError` where its parts contradict each other, or its task_struct has no preempt count.
    """
    found = _known.get(image)
    if found is None:
        found = _known[image] = image.task_struct if isinstance(image, BootedImage) else _found(image)
    return found


def _found(image: Image) -> TaskStruct:
    records = sum(line.startswith(_RECORD) for line in image.contents(".ctxrace").split(b"\0"))
    if records and records >= image.files:
        return HEADERS
    layouts = image.debug.structs("task_struct")
    if records and len(layouts) < image.files:
        raise ImageError(
            f"{image.name} is made of {image.files} files, of which {records} include ctxrace's headers; where the "
            "others have the members of task_struct is not known: compile all of them with -g, or with the same headers"
        )
    if not layouts:
        return UNKNOWN
    structs = [of_layout(layout, image.arch, image.name) for layout in dict.fromkeys(layouts)]
    if any(not agree(structs[0], one) for one in structs):
        raise ImageError(
            f"{image.name} has files with different layouts of task_struct; compile all of them with the same headers"
        )
    return structs[0]


def agree(one: TaskStruct, other: TaskStruct) -> bool:
    """Return whether two layouts have the members that the model must know at the same places."""
    return all(getattr(one, name) == getattr(other, name) for name in MEMBERS)


def of_layout(layout: Layout, arch: Architecture, name: str) -> TaskStruct:
    """Return what the model must know of a task_struct with this layout; name: of the file, for messages."""
    places = {which: part(layout, path) or range(0) for which, path in MEMBERS.items()}
    return replace(_placed(layout.size, places, arch, name), member=_member(layout))


def of_types(types: Btf, arch: Architecture, name: str) -> TaskStruct:
    """Return the same of the task_struct in `types`."""
    number = types.named("task_struct", TypeKind.STRUCT)
    size = types.size(number) if number is not None else 0
    places = {which: types.member("task_struct", path) or range(0) for which, path in MEMBERS.items()}
    return _placed(size, places, arch, name)


def _placed(size: int, places: dict[str, range], arch: Architecture, name: str) -> TaskStruct:
    if arch.preempt_count_variable is not None:
        places["preempt_count"] = range(0)  # it is a per-CPU variable
    elif not places["preempt_count"]:
        raise ImageError(
            f"{name} has a task_struct without thread_info.preempt_count; without it the preempt count of a task "
            "cannot be known: build it with CONFIG_THREAD_INFO_IN_TASK, or include <ctxrace/kernel.h>"
        )
    return replace(TaskStruct.of(size, places, name), not_rescheduled=NOT_RESCHEDULED.get(arch.elf_machine, 0))


def _member(layout: Layout) -> Callable[[int, int], str]:
    return lambda offset, size: spell("", layout, offset, size).lstrip(".")

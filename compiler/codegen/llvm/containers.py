"""Native functions for Python's containers: part of the fixed module of dispatch.py.

Layer: compiler/codegen/llvm; text only. The code of each program (unpack.py, pack.py) reads tuples
and lists itself, and calls these for dicts, for new containers, and to count references.

New containers take over the references in an array of pointers and leave nulls there, so that
after an error every object still has one owner: whoever drops what is left in the array.
"""

from __future__ import annotations

from ... import abi


def _each(head: str, body: str, last: str = "body") -> str:
    """A function that does something for each %k below %count; `last` is its last block."""
    return f"""
define {head} {{
entry:
  br label %head
head:
  %k = phi i64 [0, %entry], [%k.next, %{last}]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %body, label %done
body:{body}
  %k.next = add i64 %k, 1
  br label %head
done:
  ret void
}}
"""


def _pack(kind: str, items: str) -> str:
    """A function that makes a tuple or a list; `items` is code that finds where its items lie."""
    return f"""
define ptr @tw.pack.{kind.lower()}(ptr %objects, i64 %count) {{
entry:
  %made = call ptr @Py{kind}_New(i64 %count)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %done, label %fill
fill:
  {items}
  call void @tw.move(ptr %items, ptr %objects, i64 %count)
  br label %done
done:
  ret ptr %made
}}
"""


# The value of the next item of a dict if its key is the wanted string, else null. `%position` is
# PyDict_Next's. Keys that were made at run time may be equal strings but not the interned one.
_DICT_VALUE = f"""
define ptr @tw.dict.value(ptr %dict, ptr %position, ptr %wanted) {{
entry:
  %key.at = alloca ptr
  %value.at = alloca ptr
  %found = call i32 @PyDict_Next(ptr %dict, ptr %position, ptr %key.at, ptr %value.at)
  %none = icmp eq i32 %found, 0
  br i1 %none, label %no, label %compare
compare:
  %key = load ptr, ptr %key.at
  %same = icmp eq ptr %key, %wanted
  br i1 %same, label %yes, label %look
look:
  %type.at = getelementptr i8, ptr %key, i64 {abi.OBJECT_TYPE}
  %type = load ptr, ptr %type.at
  %is_string = icmp eq ptr %type, @tw.py.str
  br i1 %is_string, label %read, label %no
read:
  %order = call i32 @PyUnicode_Compare(ptr %key, ptr %wanted)
  %equal = icmp eq i32 %order, 0
  br i1 %equal, label %yes, label %no
yes:
  %value = load ptr, ptr %value.at
  ret ptr %value
no:
  ret ptr null
}}
"""

# Moves pointers: null is what they leave behind.
_MOVE = _each(
    "internal void @tw.move(ptr %to, ptr %from, i64 %count)",
    """
  %from.k = getelementptr ptr, ptr %from, i64 %k
  %to.k = getelementptr ptr, ptr %to, i64 %k
  %object = load ptr, ptr %from.k
  store ptr %object, ptr %to.k
  store ptr null, ptr %from.k""",
)

# New containers of the objects in an array; null after an error.
_PACK_TUPLE = _pack("Tuple", f"%items = getelementptr i8, ptr %made, i64 {abi.TUPLE_ITEMS}")
_PACK_LIST = _pack(
    "List",
    f"""%items.at = getelementptr i8, ptr %made, i64 {abi.LIST_ITEMS}
  %items = load ptr, ptr %items.at""",
)

_PACK_DICT = """
define ptr @tw.pack.dict(ptr %objects, i64 %count, ptr %keys) {
entry:
  %dict = call ptr @PyDict_New()
  %failed = icmp eq ptr %dict, null
  br i1 %failed, label %done, label %next
next:
  %k = phi i64 [0, %entry], [%k.next, %drop]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %set, label %done
set:
  %key.k = getelementptr ptr, ptr %keys, i64 %k
  %object.k = getelementptr ptr, ptr %objects, i64 %k
  %key = load ptr, ptr %key.k
  %object = load ptr, ptr %object.k
  %status = call i32 @PyDict_SetItem(ptr %dict, ptr %key, ptr %object)
  %good = icmp eq i32 %status, 0
  br i1 %good, label %drop, label %fail
drop: ; the dict has a reference of its own
  store ptr null, ptr %object.k
  call void @Py_DecRef(ptr %object)
  %k.next = add i64 %k, 1
  br label %next
fail:
  call void @Py_DecRef(ptr %dict)
  ret ptr null
done:
  ret ptr %dict
}
"""

# A reference more to every object in an array.
_RETAIN = _each(
    "void @tw.retain(ptr %objects, i64 %count)",
    """
  %object.k = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %object.k
  call void @Py_IncRef(ptr %object)""",
)

# Drops the references in an array of pointers, some of which may be null.
_RELEASE = _each(
    "void @tw.release(ptr %objects, i64 %count)",
    """
  %object.k = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %object.k
  %none = icmp eq ptr %object, null
  br i1 %none, label %next, label %drop
drop:
  call void @Py_DecRef(ptr %object)
  br label %next
next:""",
    last="next",
)

_EXTERNALS = """
@tw.py.str = external global i8
declare ptr @PyDict_New()
declare i32 @PyDict_Next(ptr, ptr, ptr, ptr)
declare i32 @PyDict_SetItem(ptr, ptr, ptr)
declare ptr @PyList_New(i64)
declare ptr @PyTuple_New(i64)
declare i32 @PyUnicode_Compare(ptr, ptr)
"""

CONTAINERS = "".join(
    [
        _EXTERNALS,
        _DICT_VALUE,
        _MOVE,
        _PACK_TUPLE,
        _PACK_LIST,
        _PACK_DICT,
        _RETAIN,
        _RELEASE,
    ]
)

"""JSON as PHP writes it, byte for byte.

PERSCOM signs what PHP's ``json_encode`` returns (default flags, ``serialize_precision`` -1, depth 512), so a sender, a test and
the explanation of a refusal need exactly those bytes. Python's ``json`` differs in slashes, floats, DEL and empty objects.

PHP has one array type, and its keys decide the brackets: 0 to n-1 in this order (or none at all) make a list, all others an
object. A text that looks like an integer *is* that integer as a key, so two keys are the same when their texts are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

__all__ = ["php_json"]

_MAX_DEPTH = 512
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_TEXT_ONLY = {str}


def php_json(value: object) -> bytes:
    """What PHP's ``json_encode`` writes for ``value``: compact, ASCII only, slashes escaped, no newline at the end.

    Takes None, bool, int, float, str, list, tuple and mappings with str or int keys, nested up to 512 levels; a subclass
    (``IntEnum``, ``OrderedDict``) counts as what it derives from. As in PHP, an int beyond 64 bits is written as a float, and
    where an int key and its text stand side by side the last value wins and takes the first one's place. A body that was read
    with ``json.loads`` is written back exactly, but for one thing: Python reads PHP's ``-0`` as the integer 0.

    Raises ``ValueError`` for what PHP refuses too (NaN, infinity, lone surrogates, more than 512 levels) and for int keys
    beyond 64 bits, ``TypeError`` for any other type of value or key. The error text never holds the value.
    """
    write = _WRITERS.get(type(value)) or _writer_for(value)
    return write(value, 1).encode("ascii")


def _list(values: list[object] | tuple[object, ...], depth: int) -> str:
    """``depth`` is the level of these brackets. One level costs one frame: 512 of them stay below Python's limit of 1000."""
    _check(depth)
    texts = []
    for value in values:
        write = _WRITERS.get(type(value)) or _writer_for(value)
        texts.append(write(value, depth + 1))
    return f"[{','.join(texts)}]"


def _array(array: Mapping[Any, object], depth: int) -> str:
    _check(depth)
    if not set(map(type, array)) <= _TEXT_ONLY:
        array = _with_text_keys(array)
    keyed = not _is_list(array)
    texts = []
    for key, value in array.items():
        write = _WRITERS.get(type(value)) or _writer_for(value)
        text = write(value, depth + 1)
        texts.append(f"{_string(key)}:{text}" if keyed else text)
    return f"{{{','.join(texts)}}}" if keyed else f"[{','.join(texts)}]"


def _check(depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"PHP writes no JSON that is nested deeper than {_MAX_DEPTH} levels")


def _is_list(array: Mapping[str, object]) -> bool:
    """Whether the keys are 0 to n-1 in this order. To PHP ``"00"``, ``"-0"`` and ``"1.0"`` are texts, no integers."""
    return next(iter(array), "0") == "0" and all(key == str(n) for n, key in enumerate(array))


def _with_text_keys(mapping: Mapping[Any, object]) -> dict[str, object]:
    """The same with every key as plain text. A dict keeps the first place and the last value of a key, and so does PHP."""
    array = {}
    for key, value in mapping.items():
        if isinstance(key, str):
            array[str.__str__(key)] = value
        elif isinstance(key, int) and not isinstance(key, bool):
            if not _INT_MIN <= key <= _INT_MAX:
                raise ValueError("a PHP array has no integer keys beyond 64 bits")
            array[int.__repr__(key)] = value
        else:
            raise TypeError(f"a PHP array has only str and int keys, not {type(key).__name__}")
    return array


def _string(text: str, _depth: int = 0) -> str:
    if "\x7f" in text:  # the one character that Python escapes and PHP does not
        return '"' + "\x7f".join(_string(part)[1:-1] for part in text.split("\x7f")) + '"'
    if not text.isascii():
        _check_unicode(text)
    return encode_basestring_ascii(text).replace("/", "\\/")


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # it holds the text, so it must not be chained
        raise ValueError("a text with a lone surrogate is no UTF-8, and PHP refuses it") from None


def _int(number: int, _depth: int = 0) -> str:
    if _INT_MIN <= number <= _INT_MAX:
        return int.__repr__(number)
    try:
        return _float(float(number))
    except OverflowError:
        raise ValueError("an integer beyond all floats is infinite to PHP, which JSON cannot hold") from None


def _float(number: float, _depth: int = 0) -> str:
    """Python's shortest digits in the layout of PHP's ``zend_gcvt``: an exponent below 0.0001 and from 1.0e+17 on."""
    text = float.__repr__(number)
    if "e" not in text:
        if text[-1] in "fn":
            raise ValueError("JSON has no NaN and no infinity, and PHP refuses them")
        return text.removesuffix(".0")
    mantissa, exponent = text.split("e")
    if exponent == "+16":  # Python changes over one digit earlier
        return mantissa.replace(".", "").ljust(17 + (number < 0), "0")
    point = "" if "." in mantissa else ".0"
    return f"{mantissa}{point}e{exponent[0]}{exponent[1:].lstrip('0')}"


def _bool(value: bool, _depth: int = 0) -> str:
    return "true" if value else "false"


def _null(_value: None, _depth: int = 0) -> str:
    return "null"


_Writer = Callable[[Any, int], str]
_WRITERS: Mapping[type, _Writer] = {
    str: _string,
    type(None): _null,
    int: _int,
    bool: _bool,
    float: _float,
    dict: _array,
    list: _list,
    tuple: _list,
    Mapping: _array,
}


def _writer_for(value: object) -> _Writer:
    """The writer for a type that is not in the table itself but derives from one that is."""
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write
    raise TypeError(f"PHP's JSON has no form for {type(value).__name__}")

"""Drives botocore's own serializers and parsers against the codecs.

Run by `botocore.rs`, with which it speaks one JSON document a line: requests on standard output, answers on standard
input. What it finds goes to standard error; it exits with 1 if there was a mismatch.

Arguments: seed, rounds, services.
"""

import base64
import datetime
import email.header
import io
import json
import random
import re
import re._parser
import sys
import urllib.parse

import botocore.awsrequest
import botocore.handlers
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
from botocore.compat import HTTPHeaders

# Operations that only their host tells from another, or that another has replaced at the same URI.
AMBIGUOUS = {
    "ListDirectoryBuckets": "ListBuckets",
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}
# Their old form has two members under one name, of which botocore itself cannot make sense.
UNREADABLE = {"GetBucketNotification"}
# It has an element that the one which replaced it has not, and which is refused by that.
RETIRED = {"PutBucketNotification"}

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
MAX_FAILURES_SHOWN = 20
# A structure is not entered again while it is open this many times, unless it is required.
MAX_RECURSION = 3
# How often operations are tried again whose shapes have not all been met.
MAX_EXTRA_ROUNDS = 30
# Beyond this many values, optional members are left out.
MAX_VALUES = 4000


def ask(**question):
    sys.stdout.write(json.dumps(question) + "\n")
    sys.stdout.flush()
    return json.loads(sys.stdin.readline())


# Random values of a shape.


class Generator:
    def __init__(self, rng, protocol, full, covered):
        self.rng = rng
        self.protocol = protocol
        self.full = full
        self.covered = covered
        self.open = []
        self.count = 0

    def wanted(self):
        return self.count < MAX_VALUES and (self.full or self.rng.random() < 0.4)

    def value(self, shape):
        self.count += 1
        self.covered.add(shape.name)
        return getattr(self, "make_" + shape.type_name)(shape)

    def enterable(self, shape):
        if shape.type_name == "structure":
            return self.open.count(shape.name) < MAX_RECURSION
        if shape.type_name == "list":
            return self.enterable(shape.member)
        if shape.type_name == "map":
            return self.enterable(shape.value)
        return True

    def make_structure(self, shape):
        if getattr(shape, "is_document_type", False):
            return self.document(3)
        self.open.append(shape.name)
        members = list(shape.members.items())
        if shape.is_tagged_union or shape.serialization.get("eventstream"):
            members = [m for m in members if self.enterable(m[1])] or members[:1]
            # What no value has had yet comes first, so that every shape is met.
            members = [m for m in members if m[1].name not in self.covered] or members
            members = [self.rng.choice(members)]
            value = {name: self.value(member) for name, member in members}
        else:
            value = {}
            for name, member in members:
                if name in shape.required_members or (self.enterable(member) and self.wanted()):
                    value[name] = self.value(member)
        self.open.pop()
        return value

    def document(self, depth):
        kinds = ["string", "integer", "boolean", "double"] + (["list", "map"] if depth else [])
        kind = self.rng.choice(kinds) if depth < 3 else "map"
        if kind == "map":
            return {self.word(): self.document(depth - 1) for _ in range(2)}
        if kind == "list":
            return [self.document(depth - 1) for _ in range(2)]
        return getattr(self, "make_" + kind)(None)

    def make_list(self, shape):
        if not self.enterable(shape.member) or self.count > MAX_VALUES:
            return []
        return [self.value(shape.member) for _ in range(self.rng.randint(1, 2))]

    def make_map(self, shape):
        if not self.enterable(shape.value) or self.count > MAX_VALUES:
            return {}
        return {self.key(shape.key): self.value(shape.value) for _ in range(self.rng.randint(1, 2))}

    def key(self, shape):
        self.covered.add(shape.name)
        return self.rng.choice(shape.enum) if getattr(shape, "enum", None) else self.word()

    def word(self):
        return "".join(self.rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(8))

    def make_string(self, shape):
        if shape is not None and getattr(shape, "enum", None):
            return self.rng.choice(shape.enum)
        in_header = shape is not None and shape.serialization.get("location") in ("header", "headers")
        if in_header or (shape is not None and shape.metadata.get("pattern")):
            return self.word()
        text = self.word() + self.rng.choice(["", " a+b=c&d%20;,", "<&>\"'é\u4e2d\U0001f600", "\t\n x ", "/../~*()", "\\\\"])
        bounds = shape.metadata if shape is not None else {}
        text = text[: bounds.get("max", len(text))]
        return text + "x" * (min(bounds.get("min", 0), 2000) - len(text))

    def make_integer(self, shape):
        return self.number(shape, -(2**31), 2**31 - 1)

    def make_long(self, shape):
        return self.number(shape, -(2**63), 2**63 - 1)

    def number(self, shape, low, high):
        bounds = shape.metadata if shape is not None else {}
        low, high = max(low, int(bounds.get("min", low))), min(high, int(bounds.get("max", high)))
        choices = [low, high, self.rng.randint(low, high)]
        choices += [small for small in (0, 1, -1, 23, 24, 255, 256, 65536) if low <= small <= high]
        return self.rng.choice(choices)

    def make_double(self, shape):
        bounds = shape.metadata if shape is not None else {}
        low, high = float(bounds.get("min", -1000)), float(bounds.get("max", max(1000, bounds.get("min", 0) + 8)))
        return min(high, max(low, self.rng.randint(int(low) * 4, int(high) * 4) / 4))

    make_float = make_double

    def make_boolean(self, shape):
        return self.rng.random() < 0.5

    def make_blob(self, shape):
        return bytes(self.rng.randrange(256) for _ in range(self.rng.randint(1, 12)))

    def make_timestamp(self, shape):
        seconds = self.rng.choice([0, 1, self.rng.randint(0, 2**32)])
        whole = shape.serialization.get("timestampFormat") == "rfc822" or shape.serialization.get("location") == "header"
        if self.open and shape.serialization.get("location") is None and self.header_lists:
            whole = True
        millis = 0 if whole else self.rng.choice([0, 1, 500, self.rng.randrange(1000)])
        return EPOCH + datetime.timedelta(seconds=seconds, milliseconds=millis)

    header_lists = False


# Values as the other side writes them: one key that tells the kind.


def tagged(value, shape):
    if getattr(shape, "is_document_type", False):
        return tagged_document(value)
    kind = shape.type_name
    if kind == "structure":
        return {"structure": [[name, tagged(member, shape.members[name])] for name, member in value.items()]}
    if kind == "list":
        return {"list": [tagged(element, shape.member) for element in value]}
    if kind == "map":
        return {"map": [[key, tagged(element, shape.value)] for key, element in value.items()]}
    if kind == "blob":
        return {"blob": base64.b64encode(value).decode()}
    if kind == "timestamp":
        return {"timestamp": millis(value)}
    if kind in ("float", "double"):
        return {"float": float(value)}
    if kind in ("integer", "long"):
        return {"integer": value}
    return {kind: value}


def tagged_document(value):
    if value is None:
        return {"null": None}
    if isinstance(value, bool):
        return {"boolean": value}
    if isinstance(value, int):
        return {"integer": value}
    if isinstance(value, float):
        return {"float": value}
    if isinstance(value, str):
        return {"string": value}
    if isinstance(value, list):
        return {"list": [tagged_document(element) for element in value]}
    return {"map": [[key, tagged_document(element)] for key, element in value.items()]}


def untagged(value):
    ((kind, content),) = value.items()
    if kind in ("structure", "map"):
        names = [name for name, _ in content]
        assert len(names) == len(set(names)), f"twice: {names}"
        return {name: untagged(member) for name, member in content}
    if kind == "list":
        return [untagged(element) for element in content]
    if kind == "blob":
        return base64.b64decode(content)
    if kind == "timestamp":
        return EPOCH + datetime.timedelta(milliseconds=content)
    return content


def millis(time):
    return round((time - EPOCH).total_seconds() * 1000)


def comparable(value):
    """What remains when everything is left out that some protocol has no way to say: what is empty."""
    if isinstance(value, dict):
        members = {name: comparable(member) for name, member in value.items() if member is not None}
        return {name: member for name, member in members.items() if not is_empty(member)}
    if isinstance(value, list):
        elements = [comparable(element) for element in value]
        return [element for element in elements if not is_empty(element)]
    if isinstance(value, datetime.datetime):
        return ("time", millis(value.astimezone(UTC)))
    if isinstance(value, bool):
        return ("boolean", value)
    return value


def has_empty(value):
    elements = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return is_empty(value) or any(has_empty(element) for element in elements)


def is_empty(value):
    return isinstance(value, (dict, list, bytes)) and not value


# Messages.


def sent(serialized):
    """The request as it goes out, from what a serializer made."""
    botocore.awsrequest.prepare_request_dict(serialized, "http://localhost", user_agent="test")
    prepared = botocore.awsrequest.create_request_object(serialized).prepare()
    url = urllib.parse.urlsplit(prepared.url)
    body = prepared.body or b""
    if isinstance(body, str):
        body = body.encode()
    text = lambda value: value.decode() if isinstance(value, bytes) else str(value)
    return {
        "method": prepared.method,
        "path": url.path,
        "query": url.query,
        "headers": [[name, text(value)] for name, value in prepared.headers.items()],
        "body": base64.b64encode(body).decode(),
    }


class Stream(io.BytesIO):
    def stream(self, *_, **__):
        yield self.read()


def received(answer, streaming=False):
    headers = HTTPHeaders()
    for name, value in answer["headers"]:
        headers[name] = value
    body = base64.b64decode(answer["body"])
    return {
        "status_code": answer["status"],
        "headers": headers,
        "body": Stream(body) if streaming else body,
        "context": {"operation_name": "Test"},
    }


# The lists whose keys botocore decodes by itself, and those members that it leaves to its callers.
DECODERS = {
    "ListObjects": (botocore.handlers.decode_list_object, ["Prefix"]),
    "ListObjectsV2": (botocore.handlers.decode_list_object_v2, []),
    "ListObjectVersions": (botocore.handlers.decode_list_object_versions, []),
    "ListMultipartUploads": (None, ["Delimiter", "KeyMarker", "NextKeyMarker", "Prefix"]),
}


class Answer:
    raw = True

    def __init__(self, answer):
        self.content = base64.b64decode(answer["body"])


def as_clients_of_s3(operation, answer, parsed):
    """What botocore makes of an answer of S3 after its parser, and what its callers have to do themselves."""
    if operation.name == "GetBucketLocation":
        botocore.handlers.parse_get_bucket_location(parsed, Answer(answer))
    if operation.name in DECODERS and parsed.get("EncodingType") == "url":
        decode, left = DECODERS[operation.name]
        # It takes it that every item has a key, which those made here need not have.
        items = {"Contents": "Key", "Versions": "Key", "DeleteMarkers": "Key", "CommonPrefixes": "Prefix"}
        keyless = [(item, key) for name, key in items.items() for item in parsed.get(name, []) if key not in item]
        for item, key in keyless:
            item[key] = ""
        if decode is not None:
            decode(parsed, {"encoding_type_auto_set": True})
        for item, key in keyless:
            del item[key]
        holders = [(parsed, name) for name in left]
        if decode is None:
            holders += [(item, "Key") for item in parsed.get("Uploads", [])]
            holders += [(item, "Prefix") for item in parsed.get("CommonPrefixes", [])]
        for holder, name in holders:
            if name in holder:
                holder[name] = urllib.parse.unquote_plus(holder[name])
    for key, value in parsed.get("Metadata", {}).items():
        parsed["Metadata"][key] = str(email.header.make_header(email.header.decode_header(value)))


# Strings that a pattern matches, made from Python's own reading of it.


class Matching:
    """Makes strings that should match. Look-around is passed over, so that what comes out must be checked."""

    ALPHABET = [chr(code) for code in range(32, 127)] + ["\t", "\n", "\u00e9", "\u4e2d"]

    def __init__(self, rng):
        self.rng = rng

    def text(self, parsed):
        return "".join(self.part(kind, argument) for kind, argument in parsed)

    def part(self, kind, argument):
        kind = str(kind)
        if kind == "LITERAL":
            return chr(argument)
        if kind == "NOT_LITERAL":
            return self.rng.choice([char for char in self.ALPHABET if ord(char) != argument])
        if kind == "ANY":
            return self.rng.choice([char for char in self.ALPHABET if char != "\n"])
        if kind == "IN":
            source = re.compile(self.source_of(argument), re.ASCII)
            candidates = [char for char in self.ALPHABET if source.fullmatch(char)]
            return self.rng.choice(candidates) if candidates else ""
        if kind == "BRANCH":
            return self.text(self.rng.choice(argument[1]))
        if kind == "SUBPATTERN":
            return self.text(argument[3])
        if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            low, high, item = argument
            count = self.rng.randint(low, min(int(high), low + 4))
            return "".join(self.text(item) for _ in range(count))
        return ""

    def source_of(self, items):
        names = {
            "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_WORD": r"\w",
            "CATEGORY_NOT_WORD": r"\W", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
        }
        source = ""
        for kind, argument in items:
            kind = str(kind)
            if kind == "NEGATE":
                source += "^"
            elif kind == "LITERAL":
                source += re.escape(chr(argument))
            elif kind == "RANGE":
                source += f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
            elif kind == "CATEGORY":
                source += names[str(argument)]
        return f"[{source}]"


class Tester:
    def __init__(self, seed, rounds):
        self.seed = seed
        self.rounds = rounds
        self.failures = 0
        self.checks = 0

    def fail(self, where, problem):
        self.failures += 1
        if self.failures <= MAX_FAILURES_SHOWN:
            print(f"{where} (seed {self.seed}): {problem}", file=sys.stderr)

    def guarded(self, where, check, *arguments):
        self.checks += 1
        try:
            check(where, *arguments)
        except Exception as error:  # A parser that chokes on an answer is a finding like any other.
            self.fail(where, f"{type(error).__name__}: {error}")

    def service(self, name):
        loader = botocore.loaders.Loader(include_default_extras=False)
        model = botocore.model.ServiceModel(loader.load_service_model(name, "service-2"), name)
        covered = set()
        operations = [model.operation_model(name) for name in model.operation_names]
        for protocol in model.metadata["protocols"]:
            for operation in operations:
                for round in range(self.rounds):
                    self.operation(model, protocol, operation, round, covered)
        # A union takes one member at a time; go on until every one of them had its turn.
        reachable = {operation.name: self.reachable([operation]) for operation in operations}
        for round in range(self.rounds, self.rounds + MAX_EXTRA_ROUNDS):
            for operation in operations:
                if reachable[operation.name] - covered:
                    self.operation(model, model.metadata["protocols"][0], operation, round, covered)
        self.patterns(model)
        missed = sorted(self.reachable(operations) - covered)
        if missed:
            self.fail(name, f"shapes that no value had: {missed}")

    def patterns(self, model):
        """Every pattern that Python can read as well is matched alike, by strings that fit and strings that nearly do."""
        rng = random.Random(f"{self.seed} {model.service_name} patterns")
        for name in model.shape_names:
            pattern = model.shape_for(name).metadata.get("pattern")
            # Beyond Python's `re`, or read by it as something else than Java does; or with a back reference, of which
            # there is one, and which passes anything.
            if not pattern or re.search(r"\\[1-9]", pattern):
                continue
            if r"\p" in pattern or r"\u" in pattern or "[[" in pattern or pattern.startswith("/"):
                continue
            try:
                compiled = re.compile(pattern.replace(r"\z", r"\Z"), re.ASCII)
                parsed = re._parser.parse(pattern, re.ASCII)
            except re.error:
                continue
            is_search = pattern.startswith("^") or pattern.endswith("$") or pattern in (r"\S", r"\w", r"\d", ".")
            for _ in range(4 * self.rounds):
                text = Matching(rng).text(parsed)
                at = rng.randint(0, len(text))
                for candidate in (text, text[:at] + rng.choice(Matching.ALPHABET) + text[at + 1 :], text[:at]):
                    if candidate.endswith("\n"):
                        continue  # Python's dollar matches before it.
                    self.checks += 1
                    found = compiled.search(candidate) if is_search else compiled.fullmatch(candidate)
                    answer = ask(do="match", service=model.service_name, shape=name, text=candidate)["match"]
                    if answer is not None and answer != (found is not None):
                        self.fail(f"{model.service_name} {name}", f"{pattern} on {candidate!r}: {answer}")

    def operation(self, model, protocol, operation, round, covered):
        where = f"{model.service_name} {protocol} {operation.name}"
        rng = random.Random(f"{self.seed} {where} {round}")
        full = round == 0 or round >= self.rounds
        make = lambda: Generator(rng, protocol, full, covered)
        self.guarded(where + " request", self.request, model, protocol, operation, make())
        self.guarded(where + " response", self.response, model, protocol, operation, make())
        for error in operation.error_shapes:
            covered.add(error.name)
            self.guarded(f"{where} {error.name}", self.error, model, protocol, operation, error, make())

    def reachable(self, operations):
        found = set()
        pending = []
        for operation in operations:
            pending += [shape for shape in (operation.input_shape, operation.output_shape) if shape is not None]
        while pending:
            shape = pending.pop()
            if shape.name in found:
                continue
            found.add(shape.name)
            if shape.type_name == "structure":
                pending += shape.members.values()
            elif shape.type_name == "list":
                pending.append(shape.member)
            elif shape.type_name == "map":
                pending += [shape.key, shape.value]
        return found

    def request(self, where, model, protocol, operation, generator):
        shape = operation.input_shape
        parameters = self.arguments(shape, generator) if shape is not None else {}
        serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
        serialized = serializer.serialize_to_request(parameters, operation)
        answer = ask(do="decode", service=model.service_name, **sent(serialized))
        if operation.name in RETIRED and "MalformedXML" in answer.get("error", ""):
            return
        if "error" in answer:
            return self.fail(where, f"{answer['error']} for {parameters}")
        if answer["operation"] != AMBIGUOUS.get(operation.name, operation.name):
            return self.fail(where, f"routed to {answer['operation']}")
        if operation.name in AMBIGUOUS:
            return
        found, expected = comparable(untagged(answer["input"])), comparable(parameters)
        # The length of the body is sent whether it was asked for or not.
        if "ContentLength" in found and "ContentLength" not in expected:
            del found["ContentLength"]
        if found != expected:
            return self.fail(where, f"sent {expected}\n  decoded {found}")
        # Words made here satisfy no pattern but by chance, and what is empty may not have been sent.
        violation = None if has_empty(parameters) else answer["violation"]
        of_words = ("pattern", "length", "the specified value")
        if violation and not any(word in violation.lower() for word in of_words):
            self.fail(where, f"refused {parameters}: {violation}")

    def arguments(self, shape, generator):
        generator.header_lists = any(
            member.serialization.get("location") == "header" and member.type_name == "list"
            for member in shape.members.values()
        )
        value = generator.value(shape)
        for name, member in shape.members.items():
            if member.serialization.get("location") == "headers" and name in value:
                value[name] = {key.lower(): generator.word() for key in value[name]}
            if member.serialization.get("location") == "uri" and not value[name] and member.type_name == "string":
                value[name] = "x"
        return value

    def response(self, where, model, protocol, operation, generator):
        shape = operation.output_shape
        if protocol == "query" and shape is not None and "resultWrapper" not in shape.serialization:
            return  # A service that no longer speaks query by default; its model does not say how answers look.
        if operation.name in UNREADABLE:
            return
        output = self.arguments(shape, generator) if shape is not None else {}
        if model.service_name == "s3" and "Metadata" in output:
            output["Metadata"]["beyond"] = generator.rng.choice(["é b", "中", "a \U0001f600"])
        stream_name = None
        if shape is not None:
            for name, member in shape.members.items():
                if member.serialization.get("location") == "statusCode":
                    output[name] = 200
                if member.serialization.get("eventstream"):
                    stream_name = name
                    output[name] = [generator.value(member) for _ in range(3)]
        value = tagged({n: v for n, v in output.items() if n != stream_name}, shape) if shape is not None else {"structure": []}
        if stream_name:
            events = [tagged(event, shape.members[stream_name]) for event in output[stream_name]]
            value["structure"].append([stream_name, {"list": events}])
        answer = ask(do="encode", service=model.service_name, protocol=protocol, operation=operation.name, output=value)
        parser = botocore.parsers.create_parser(protocol)
        streaming = operation.has_streaming_output or stream_name is not None
        parsed = parser.parse(received(answer, streaming), shape)
        metadata = parsed.pop("ResponseMetadata")
        if model.service_name == "s3":
            as_clients_of_s3(operation, answer, parsed)
        # botocore does not look at the headers of a CBOR answer that has no output.
        if metadata.get("RequestId") != "the-request-id" and (shape is not None or protocol != "smithy-rpc-v2-cbor"):
            self.fail(where, f"the request id is {metadata}")
        if stream_name:
            self.events(where, shape.members[stream_name], output, parsed, stream_name)
        for name, member in list(parsed.items()):
            if hasattr(member, "read"):
                parsed[name] = member.read()
                if shape.members[name].type_name == "string":
                    parsed[name] = parsed[name].decode()
        # A body has a type even when the output does not give one.
        for name, member in shape.members.items() if shape is not None else []:
            if member.serialization.get("name", "").lower() == "content-type" and name not in output:
                parsed.pop(name, None)
        # A body is there even when it is empty.
        payload = shape.serialization.get("payload") if shape is not None else None
        if payload and payload not in output and parsed.get(payload) in (b"", ""):
            del parsed[payload]
        if isinstance(parsed.get(payload), str) and isinstance(output.get(payload), bytes):
            return  # botocore decodes small blobs as text, which random bytes are not.
        if comparable(parsed) != comparable(output):
            self.fail(where, f"answered {comparable(output)}\n  read as {comparable(parsed)}\n  from {received(answer)}")

    def events(self, where, shape, output, parsed, name):
        stream = parsed.pop(name)
        expected = output.pop(name)
        found = []
        try:
            for event in stream:
                found.append(event)
        except botocore.exceptions.EventStreamError as error:
            # The stream ends with its first error.
            (kind,) = expected[len(found)]
            if error.response["Error"]["Code"] != kind:
                self.fail(where, f"the stream ended with {error.response}")
            expected = expected[: len(found)]
        if [comparable(event) for event in found] != [comparable(event) for event in expected]:
            self.fail(where, f"answered events {expected}\n  read as {found}")

    def error(self, where, model, protocol, operation, error, generator):
        fields = generator.value(error)
        for name, member in error.members.items():
            if member.serialization.get("location") == "statusCode":
                fields.pop(name, None)
            # REST errors have their type in a header, and some have that as a member.
            if member.serialization.get("name", "").lower() == "x-amzn-errortype":
                fields[name] = error.name
        message_name = next((name for name in error.members if name.lower() == "message"), None)
        message = generator.word() + " <&>"
        code = error.metadata.get("error", {}).get("code", error.name)
        question = {
            "do": "error",
            "service": model.service_name,
            "protocol": protocol,
            "operation": operation.name,
            "code": generator.rng.choice([code, error.name]),
            "message": message,
            "fields": tagged({name: value for name, value in fields.items() if name != message_name}, error),
        }
        answer = ask(**question)
        if answer["status"] < 400:
            return self.fail(where, f"the status is {answer['status']}")
        wanted_status = error.metadata.get("error", {}).get("httpStatusCode")
        if wanted_status and answer["status"] != wanted_status:
            self.fail(where, f"the status is {answer['status']}, the model's {wanted_status}")
        parser = botocore.parsers.create_parser(protocol)
        parsed = parser.parse(received(answer), operation.output_shape)
        if parsed["Error"]["Code"] != code or parsed["Error"]["Message"] != message:
            return self.fail(where, f"{parsed['Error']} for {code}: {message}")
        if parsed["ResponseMetadata"].get("RequestId") != "the-request-id":
            self.fail(where, f"the request id is {parsed['ResponseMetadata']}")
        found = parser.parse(received(answer), error)
        found.pop("ResponseMetadata", None)
        if message_name is not None:
            fields[message_name] = message
            # In XML it is always capitalised, whatever the model says.
            name = error.members[message_name].serialization.get("name", message_name)
            if protocol in ("ec2", "query", "rest-xml") and name != "Message":
                del fields[message_name]
        if comparable(found) != comparable(fields):
            self.fail(where, f"answered {comparable(fields)}\n  read as {comparable(found)}\n  from {received(answer)}")


def main():
    seed, rounds, *services = sys.argv[1:]
    tester = Tester(seed, int(rounds))
    for service in services:
        tester.service(service)
    print(f"{tester.checks} exchanges, {tester.failures} mismatches", file=sys.stderr)
    sys.exit(1 if tester.failures else 0)


main()

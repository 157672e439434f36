"""Makes a language model of 300 kB that always says the same sentence.

It is a llama without layers: the embedding of a token points at one dimension, and the output
matrix turns that dimension into the token that comes next. So the sentence follows from the
weights, through the same tokeniser, template, graph and sampler as in a model that somebody
trained. `llama.cpp` takes it for what it says it is.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import gguf
import numpy as np

SENTENCE = "Hello there. I am a tiny scripted model!"
DIMENSIONS = 64
CONTEXT = 4096
START = "<|assistant|>"
END = "</s>"
SPACE = "\u2581"
"""How sentencepiece writes the space before a word."""
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}" + START + "{% endif %}"
)
_CONTROL = ("<s>", END, "<|system|>", "<|user|>", START, "<|tool|>")

Token = tuple[str, float, gguf.TokenType]


def make_tiny_gguf(path: Path, sentence: str = SENTENCE) -> None:
    """Write the model.

    Args:
        path: The file.
        sentence: What it says; no word may come twice, as a word decides which one follows.

    Raises:
        ValueError: A word comes twice, or there are too many.
    """
    words = _words(sentence)
    if len(set(words)) != len(words) or len(words) >= DIMENSIONS:
        raise ValueError(f"The words must be distinct, and fewer than {DIMENSIONS}: {words}")
    tokens = _vocabulary(words)
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, tokens)
    index = {text: number for number, (text, _score, _kind) in enumerate(tokens)}
    embedding = np.zeros((len(tokens), DIMENSIONS), np.float32)
    output = np.zeros_like(embedding)
    chain = [START, *words, END]
    for step, (word, following) in enumerate(itertools.pairwise(chain)):
        embedding[index[word], step] = 8
        output[index[following], step] = 5
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(DIMENSIONS, np.float32))
    _add_idle_layer(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _words(sentence: str) -> list[str]:
    """Cut a sentence into tokens; a space belongs to the word that follows it."""
    found = re.finditer(r"(^|\s*)([A-Za-z']+|[^\sA-Za-z])", sentence)
    return [(SPACE if match[1] or match.start() == 0 else "") + match[2] for match in found]


def _vocabulary(words: list[str]) -> list[Token]:
    kinds = gguf.TokenType
    tokens: list[Token] = [("<unk>", 0.0, kinds.UNKNOWN)]
    tokens += [(text, 0.0, kinds.CONTROL) for text in _CONTROL]
    # Whatever users say can be spelt in bytes.
    tokens += [(f"<0x{byte:02X}>", 0.0, kinds.BYTE) for byte in range(256)]
    tokens += [(word, -1.0 - rank, kinds.NORMAL) for rank, word in enumerate(words)]
    present = {text for text, _score, _kind in tokens}
    single = [SPACE, *map(chr, range(33, 127))]
    tokens += [(text, -100.0, kinds.NORMAL) for text in single if text not in present]
    return tokens


def _describe(writer: gguf.GGUFWriter, tokens: list[Token]) -> None:
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIMENSIONS)
    writer.add_block_count(1)
    writer.add_feed_forward_length(DIMENSIONS)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(DIMENSIONS // 2)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text, _score, _kind in tokens])
    writer.add_token_scores([score for _text, score, _kind in tokens])
    writer.add_token_types([int(kind) for _text, _score, kind in tokens])
    names = [text for text, _score, _kind in tokens]
    writer.add_bos_token_id(names.index("<s>"))
    writer.add_eos_token_id(names.index(END))
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(TEMPLATE)


def _add_idle_layer(writer: gguf.GGUFWriter) -> None:
    """Add the one layer that llama.cpp insists on; its zeros leave everything as it is."""
    square = np.zeros((DIMENSIONS, DIMENSIONS), np.float32)
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(DIMENSIONS, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", square)

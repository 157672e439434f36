"""Names of languages by their codes: models translate into "Portuguese (Brazil)", not into pt-BR.

The codes of ISO 639-1, and those of three letters that services have for languages without one.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{2,8})*)")

_NAMES = dict(
    pair.strip().split(" ", 1)
    for pair in """
aa Afar, ab Abkhazian, af Afrikaans, ak Akan, am Amharic, an Aragonese, ar Arabic, as Assamese,
ast Asturian, av Avaric, ay Aymara, az Azerbaijani, ba Bashkir, be Belarusian, bg Bulgarian,
bi Bislama, bm Bambara, bn Bengali, bo Tibetan, br Breton, bs Bosnian, ca Catalan, ce Chechen,
ceb Cebuano, ch Chamorro, cmn Mandarin Chinese, co Corsican, cr Cree, cs Czech, cv Chuvash,
cy Welsh, da Danish, de German, dv Divehi, dz Dzongkha, ee Ewe, el Greek, en English, eo Esperanto,
es Spanish, et Estonian, eu Basque, fa Persian, ff Fula, fi Finnish, fil Filipino, fj Fijian,
fo Faroese, fr French, fy Western Frisian, ga Irish, gd Scottish Gaelic, gl Galician, gn Guarani,
gsw Swiss German, gu Gujarati, gv Manx, ha Hausa, haw Hawaiian, he Hebrew, hi Hindi, hmn Hmong,
hr Croatian, ht Haitian Creole, hu Hungarian, hy Armenian, ia Interlingua, id Indonesian, ig Igbo,
is Icelandic, it Italian, iu Inuktitut, ja Japanese, jv Javanese, ka Georgian, kk Kazakh,
kl Greenlandic, km Khmer, kn Kannada, ko Korean, ku Kurdish, ky Kyrgyz, la Latin, lb Luxembourgish,
lg Ganda, ln Lingala, lo Lao, lt Lithuanian, lv Latvian, mg Malagasy, mi Maori, mk Macedonian,
ml Malayalam, mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese, nb Norwegian Bokmål,
ne Nepali, nl Dutch, nn Norwegian Nynorsk, no Norwegian, nv Navajo, ny Chichewa, oc Occitan,
om Oromo, or Odia, pa Punjabi, pl Polish, ps Pashto, pt Portuguese, qu Quechua, rm Romansh,
ro Romanian, ru Russian, rw Kinyarwanda, sa Sanskrit, sc Sardinian, sd Sindhi, se Northern Sami,
si Sinhala, sk Slovak, sl Slovenian, sm Samoan, sn Shona, so Somali, sq Albanian, sr Serbian,
st Southern Sotho, su Sundanese, sv Swedish, sw Swahili, ta Tamil, te Telugu, tg Tajik, th Thai,
ti Tigrinya, tk Turkmen, tl Tagalog, tn Tswana, to Tongan, tr Turkish, ts Tsonga, tt Tatar, tw Twi,
ug Uyghur, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, wo Wolof, xh Xhosa, yi Yiddish,
yo Yoruba, yue Cantonese, za Zhuang, zh Chinese, zu Zulu
""".replace("\n", " ").split(",")
)


def base_of(tag: str) -> str:
    """Return the language of a tag, without its script and region: `pt` of `pt-BR`."""
    return tag.replace("_", "-").split("-", 1)[0].casefold()


def is_language(tag: str) -> bool:
    """Return whether a tag names a language, perhaps with a script and a region."""
    found = _TAG.fullmatch(tag)
    return found is not None and found[1].casefold() in _NAMES


def language_name(tag: str) -> str:
    """Return the English name of a tag's language; of one with a region, the tag beside it."""
    name = _NAMES.get(base_of(tag), tag)
    return name if tag.casefold() == base_of(tag) else f"{name} ({tag})"

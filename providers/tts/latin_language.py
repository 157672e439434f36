"""Tells the language of text in Latin letters, so that a German answer is not read as English.

Neither the client nor the model says in which language an answer is. Scripts tell Chinese from
Russian; for Latin letters the commonest words of each language do, with its marked letters. An
English sentence must never be taken for another, so others need more evidence than English has:
at least two signs, one in five words, and more signs than English. Words that English has too do
not count, nor does the middle of names (Rio de Janeiro, Ursula von der Leyen).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ENGLISH = "en"

_LEAST_SIGNS = 2
_LEAST_SHARE = 0.2


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


_COMMON: Mapping[str, frozenset[str]] = {
    language: _words(words)
    for language, words in {
        "en": "the a an and or but of to in is are was were be been am it its this that these "
        "those he she they we you i me my your his her our their them us what which who how "
        "when where why will would can could should may might must do does did have has had "
        "not no yes with for from by on at as if then than so there here about into over "
        "out up all any some more most very just one two i'm it's don't that's you're let's "
        "hello please thanks thank okay know like get good new time see use used using "
        "because after before also only other",
        "de": "in an am so will was war man hat bin bist die alle wo wer welche welcher wirklich "
        "genau der das den dem des ein eine einen einem einer und oder aber nicht ist sind "
        "waren wird werden wurde wurden kann können ich du er sie es wir ihr mich dich uns "
        "mein dein sein ihre ihren ihnen mit von zu zum zur auf für aus bei nach über unter "
        "auch noch nur schon wie wenn dann weil dass daß durch sehr hier heute morgen "
        "gestern bitte danke ja nein guten gute haben habe hast hatte keine kein einmal "
        "immer wieder mehr beim vom im ins ob doch etwas nichts zwischen ohne gegen jetzt "
        "muss müssen soll möchte gibt geht dir mir ihm ihn sich diese dieser dieses tag "
        "schön natürlich leider gern",
        "fr": "a on me as son ton qui pas pour les sous au quelle quel quels quelles ici vers "
        "puis-je le la des du de un une et ou mais est sont était étaient être avoir ai "
        "avons avez ont je tu il elle nous vous ils elles ce cette ces cet que quoi dont où "
        "ne plus dans sur avec sans par aux en se sa ses mon ma mes votre vos notre nos "
        "leur leurs très bien aussi comme si peut peux fait faire quand aujourd'hui merci "
        "beaucoup bonjour oui voici voilà après avant chez entre depuis toujours jamais "
        "rien tous toute toutes sera suis êtes c'est n'est qu'il qu'elle s'il j'ai d'un "
        "d'une l'on salut bonsoir revoir peu même encore alors donc été",
        "es": "a me no as te he son con los buena qué hacia sobre ayer vamos quiero está el la "
        "las un una unos unas y o pero es era eran ser estar están estoy fue ha han hay yo "
        "tú él ella nosotros usted ustedes ellos ellas este esta esto estos estas ese esa "
        "eso que cual cuál quien cómo cuando cuándo donde dónde porque por para del al en "
        "de su sus mi mis tu tus lo le les se nos muy más bien también ya sí como si "
        "gracias hola buenos buenas muchas días tardes noches hoy mañana puede puedo tiene "
        "tengo hacer todo todos nada algo siempre nunca entre desde hasta ni favor aquí "
        "ahora",
        "it": "a in me no i come sta stai sto state fa quanto quale dopo prima vorrei devo siamo "
        "sei il lo la gli le un uno una e ed ma è sono era erano essere stato stata ho hai "
        "ha abbiamo avete hanno io tu lui lei noi voi loro questo questa questi queste "
        "quello quella che chi cosa quando dove perché non con per di da del della dei "
        "delle degli dal dalla dello al alla alle agli nel nella nelle sul sulla più molto "
        "bene anche già sì se si mi ti ci vi suo sua mio mia grazie ciao prego buongiorno "
        "buonasera oggi domani può posso fare tutto tutti niente sempre mai tra fra fino "
        "così qui qual dell' dov'è c'è cos'è un'",
        "pt": "a as me no do se os por isto sobre depois antes ontem vamos quero tenho fazer está "
        "o um uma uns umas e ou mas é são era eram ser estar estão estou foi tem têm há eu "
        "tu ele ela nós você vocês eles elas este esta esse essa isso aquele que quem qual "
        "quando onde porque não com para pelo pela da dos das ao aos à às em na nos nas num "
        "numa de seu sua seus suas meu minha muito mais bem também já sim como obrigado "
        "obrigada olá bom boa dia tarde noite hoje amanhã pode posso tudo todos nada sempre "
        "nunca entre desde até aqui agora",
        "nl": "in is was we me of on over had hier veel goed worden welke naar omdat kunt u niets "
        "de het een en maar niet zijn waren wordt werd kan kunnen ik jij je hij zij ze wij "
        "jullie mij hem haar ons onze mijn jouw deze dit dat die wie wat waar wanneer hoe "
        "waarom met van voor door bij uit om te op aan ook nog alleen al als dan heel erg "
        "vandaag gisteren alstublieft bedankt dank ja nee goedemorgen goedendag hebben heb "
        "heeft geen altijd nooit meer alle tussen zonder tegen nu moet zal wil gaat er zich "
        "iets",
        "pl": "do to on my ten ja dziś wiem nie jestem jesteś jako tym i w z na jest są był była "
        "było być się że co kto jak kiedy gdzie dlaczego ty ona ono wy oni ta te tego tej "
        "dla od po przez przy bez pod nad przed ale lub oraz tak bardzo też tylko już "
        "jeszcze może można mam masz ma mamy proszę dziękuję dzień dobry cześć jutro teraz "
        "tutaj wszystko zawsze nigdy jego jej ich mój moja czy które który która za o",
        "sv": "i man her so under god hur vill vet finns också hjälpa tack och eller men är var "
        "varit vara har hade jag du han hon vi ni de dem mig dig oss min din sin det den "
        "detta denna dessa som vad vem när varför inte med av för från till på om över "
        "efter bara redan mycket här idag imorgon ja nej hej kan ska skulle måste får ett "
        "en alla något inget alltid aldrig mellan utan nu att",
        "tr": "on her bin size nasıl musun misin istiyorum olur bunu onu beni bana sana ve veya "
        "ama bir bu şu ben sen biz siz onlar değil var yok için ile gibi kadar daha çok en "
        "ne kim neden nerede mi mı mu mü evet hayır teşekkür ederim lütfen merhaba günaydın "
        "bugün yarın şimdi burada şey hiç olarak olan olduğu sonra önce da de ki",
        "vi": "là và của có không tôi bạn được cho một này với trong để các những xin chào cảm ơn "
        "người ở đã đang sẽ thì mà nào gì rất cũng từ khi nếu hoặc hôm nay ngày giờ",
    }.items()
}
"""Commonest words; those that are English too count for neither (below)."""

_MARKS: Mapping[str, re.Pattern[str]] = {
    language: re.compile(f"[{letters}]")
    for language, letters in {
        "de": "äöüß",
        "fr": "àâçèéêëîïôùûœ",
        "es": "áéíóúñ¿¡",
        "it": "àèéìòù",
        "pt": "ãõáâàéêíóôúç",
        "nl": "ëï",
        "pl": "ąćęłńśźż",
        "sv": "åäö",
        "tr": "ğışçöü",
        "vi": "ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    }.items()
}
_SPANISH = re.compile("[¿¡]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*['’]?")
_ELISION = re.compile(r"(?:[cdjlmnst]|qu)['’](?=[^\W\d_]{2})")
"""What French and Italian put before a vowel; "t" and "s" are no English words, "d'" and "l'" are
in names."""
_PARTICLES = _words(
    "de da do dos das del della di la las los le les du des van von der den ten ter zu y e bin"
)


_ENGLISH_TOO = _words(
    "a al ale alle am an as at au bin bit con da dal das day de del den der die do dos du e ed el "
    "en er et fare fine fra gilt god hat he her hey hen hi i in io is it kan la las le les lo "
    "los ma mai main man me men mi mine mu my na nee no nos of on or os over par pas per plus pod "
    "pour qui se ser si so son sous sur tag te ten ti to ton tu ty un under van via want war was "
    "we were will y ze non state em com co ve min ln sans user test pro"
)
"""Words and names that stand in English sentences: signs only beside others of their language."""
_SHARED = _ENGLISH_TOO | _COMMON[ENGLISH]


def guessed_languages() -> frozenset[str]:
    """Return the languages that are told apart, as ISO 639-1."""
    return frozenset(_COMMON)


def guess_language(text: str, before: str = ENGLISH) -> str:
    """Return the language of `text`, as ISO 639-1.

    Args:
        text: A clause or more, in Latin letters.
        before: The language of what came before, for a text that does not tell.
    """
    words = [found[0] for found in _WORD.finditer(text.replace("’", "'"))]
    if not words:
        return before
    language, signs, english = max(
        ((name, *_signs(words, name, text)) for name in _COMMON if name != ENGLISH),
        key=lambda found: found[1] - found[2],
    )
    least = max(_LEAST_SIGNS, _LEAST_SHARE * len(words))
    if signs >= max(least, 2 * english + 1):
        return language
    return before if max(english, _english(words)) < least else ENGLISH


def _signs(words: list[str], language: str, text: str) -> tuple[int, int]:
    """Return how many signs there are that words are of `language`, and that they are English."""
    common = _COMMON[language]
    own: set[str] = set()
    shared: set[str] = set()
    marked = english = 0
    shouted = text.isupper()
    for place, word in enumerate(words):
        lower = word.lower().strip("'")
        if word.isupper() and len(word) > 1 and not shouted:
            continue
        if lower in _PARTICLES and _is_in_name(words, place):
            continue
        if lower in common:
            alike = lower in _SHARED or (len(lower) == 1 and lower.isascii())
            (shared if alike else own).add(lower)
        elif _ELISION.match(lower) and language in ("fr", "it"):
            own.add(lower)
        elif lower in _COMMON[ENGLISH]:
            english += 1
        if _MARKS[language].search(lower) and not _is_capital_name(words, place):
            marked += 1
    if language == "es":
        own.update(_SPANISH.findall(text))
    # Words and letters that English borrows prove nothing alone.
    signs = len(own) + min(len(shared), len(own)) + marked
    return (signs if own else 0), english


def _english(words: list[str]) -> int:
    return sum(word.lower() in _COMMON[ENGLISH] for word in words)


def _is_capital_name(words: list[str], place: int) -> bool:
    return words[place][0].isupper() and (place > 0 or (len(words) > 1 and words[1][0].isupper()))


def _is_in_name(words: list[str], place: int) -> bool:
    """Whether a particle stands in a name, between words with capitals or before one."""
    after = place + 1
    while after < len(words) and words[after].lower() in _PARTICLES and words[after].islower():
        after += 1
    if after >= len(words) or not words[after][0].isupper():
        return False
    before = place - 1
    while before >= 0 and words[before].lower() in _PARTICLES and words[before].islower():
        before -= 1
    return words[place][0].isupper() or (before >= 0 and words[before][0].isupper())

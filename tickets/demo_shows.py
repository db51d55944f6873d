"""The events of the demo's season, and the names of its buyers."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Show:
    """An event of the season. `days` may be negative: it was so many days ago."""

    slug: str
    name: str
    description: str
    venue: str
    city: str
    days: int
    hours: int
    types: tuple[tuple[str, str, int], ...]
    orders: int
    entered: int = 0

    @property
    def is_draft(self) -> bool:
        return not self.types


SHOWS: Final = (
    Show(
        "samba-na-laje",
        "Samba na Laje",
        "Roda aberta até o último tamborim.",
        "Laje do Vidigal",
        "Rio de Janeiro",
        days=-20,
        hours=6,
        types=(("Pista", "60.00", 260), ("Mesa para dois", "180.00", 40)),
        orders=150,
        entered=91,
    ),
    Show(
        "sarau-da-praca",
        "Sarau da Praça",
        "Poesia, violão e microfone aberto.",
        "Biblioteca Parque",
        "Rio de Janeiro",
        days=-6,
        hours=3,
        types=(("Inteira", "40.00", 120), ("Meia-entrada", "20.00", 60), ("Cortesia", "0.00", 30)),
        orders=70,
        entered=84,
    ),
    Show(
        "mostra-de-curtas",
        "Mostra de Curtas",
        "Três noites de cinema ao ar livre.",
        "Jardim do MAM",
        "Rio de Janeiro",
        days=-1,
        hours=72,
        types=(("Passe", "90.00", 180), ("Estudante", "45.00", 80)),
        orders=100,
        entered=38,
    ),
    Show(
        "forro-do-galpao",
        "Forró do Galpão",
        "Sanfona, zabumba e triângulo a noite inteira.",
        "Galpão das Artes",
        "Recife",
        days=5,
        hours=6,
        types=(("Primeiro lote", "50.00", 140), ("Segundo lote", "70.00", 150)),
        orders=130,
    ),
    Show(
        "concerto-de-camara",
        "Concerto de Câmara",
        "Villa-Lobos e Ravel para quatro cordas.",
        "Sala Cecília Meireles",
        "Rio de Janeiro",
        days=18,
        hours=2,
        types=(("Plateia", "110.00", 300), ("Balcão", "70.00", 120)),
        orders=90,
    ),
    Show(
        "baile-de-primavera",
        "Baile de Primavera",
        "Orquestra completa e pista de madeira.",
        "Clube Democráticos",
        "Rio de Janeiro",
        days=60,
        hours=5,
        types=(),
        orders=0,
    ),
)

FIRST_NAMES: Final = (
    "Ana",
    "Beatriz",
    "Carlos",
    "Clara",
    "Daniela",
    "Eduardo",
    "Fernanda",
    "Gabriel",
    "Helena",
    "Igor",
    "Joana",
    "Lucas",
    "Luiza",
    "Marcos",
    "Mariana",
    "Miguel",
    "Nina",
    "Otávio",
    "Paula",
    "Pedro",
    "Rafael",
    "Renata",
    "Rosa",
    "Sofia",
    "Tiago",
    "Vera",
)
LAST_NAMES: Final = (
    "Almeida",
    "Andrade",
    "Barbosa",
    "Cardoso",
    "Castro",
    "Costa",
    "Dias",
    "Ferreira",
    "Gomes",
    "Lima",
    "Martins",
    "Melo",
    "Moreira",
    "Nunes",
    "Oliveira",
    "Pereira",
    "Pinto",
    "Ramos",
    "Ribeiro",
    "Rocha",
    "Santos",
    "Silva",
    "Souza",
    "Teixeira",
)

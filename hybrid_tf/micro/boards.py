"""Memory of common microcontroller boards, as their makers give it, in bytes."""

from dataclasses import dataclass

_KIB = 1024


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        name: of the board.
        processor: its core and clock.
        flash, ram: bytes. RAM is all that a program can use, in however many pieces: an arena needs one piece.
        source: where the figures are from.
    """

    name: str
    processor: str
    flash: int
    ram: int
    source: str


BOARDS = (
    Board(
        "Arduino Nano 33 BLE Sense",
        "Cortex-M4F, 64 MHz",
        1024 * _KIB,
        256 * _KIB,
        "Nordic, nRF52840 Product Specification: 1 MB flash, 256 kB RAM",
    ),
    Board(
        "Raspberry Pi Pico",
        "2 x Cortex-M0+, 133 MHz",
        2048 * _KIB,
        264 * _KIB,
        "Raspberry Pi, Pico Datasheet: 2 MB flash, 264 kB SRAM",
    ),
    Board(
        "Raspberry Pi Pico 2",
        "2 x Cortex-M33, 150 MHz",
        4096 * _KIB,
        520 * _KIB,
        "Raspberry Pi, Pico 2 Datasheet: 4 MB flash, 520 kB SRAM",
    ),
    Board(
        "BBC micro:bit V2",
        "Cortex-M4F, 64 MHz",
        512 * _KIB,
        128 * _KIB,
        "Nordic, nRF52833 Product Specification: 512 kB flash, 128 kB RAM",
    ),
    Board(
        "ST NUCLEO-F446RE",
        "Cortex-M4F, 180 MHz",
        512 * _KIB,
        128 * _KIB,
        "ST, STM32F446xC/E data sheet: 512 Kbytes flash, 128 Kbytes SRAM",
    ),
    Board(
        "ST NUCLEO-L476RG",
        "Cortex-M4F, 80 MHz",
        1024 * _KIB,
        128 * _KIB,
        "ST, STM32L476xx data sheet: 1 Mbyte flash, 128 Kbytes SRAM",
    ),
    Board(
        "ST NUCLEO-F746ZG",
        "Cortex-M7, 216 MHz",
        1024 * _KIB,
        320 * _KIB,
        "ST, STM32F745xx/746xx data sheet: 1 Mbyte flash, 320 Kbytes SRAM",
    ),
    Board(
        "ST NUCLEO-H743ZI2",
        "Cortex-M7, 480 MHz",
        2048 * _KIB,
        1024 * _KIB,
        "ST, STM32H743xI data sheet: 2 Mbytes flash, 1 Mbyte RAM",
    ),
)

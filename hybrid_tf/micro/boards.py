"""Memory of common microcontroller boards, in bytes, each figure looked up in the source beside it.

RAM is what lies in a row, because an arena needs one piece: some processors have more, elsewhere.
"""

from dataclasses import dataclass

_KIB = 1024


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        name: of the board.
        processor: its core and highest clock.
        flash, ram: bytes. RAM is the largest piece that lies in a row.
        source: where the figures are from.
    """

    name: str
    processor: str
    flash: int
    ram: int
    source: str


BOARDS = (
    Board(
        "Arduino Nano 33 BLE Sense Rev2",
        "Cortex-M4F, 64 MHz",
        1024 * _KIB,
        256 * _KIB,
        "Arduino: docs.arduino.cc/hardware/nano-33-ble-sense-rev2, tech specs",
    ),
    Board(
        "Raspberry Pi Pico",
        "2 x Cortex-M0+, 133 MHz",
        2048 * _KIB,
        264 * _KIB,
        "Raspberry Pi: www.raspberrypi.com/documentation/microcontrollers/pico-series.html",
    ),
    Board(
        "Raspberry Pi Pico 2",
        "2 x Cortex-M33, 150 MHz",
        4096 * _KIB,
        520 * _KIB,
        "Raspberry Pi: www.raspberrypi.com/documentation/microcontrollers/pico-series.html",
    ),
    Board(
        "BBC micro:bit V2",
        "Cortex-M4F, 64 MHz",
        512 * _KIB,
        128 * _KIB,
        "Nordic Semiconductor: nRF52833-QIAA in Zephyr, dts/arm/nordic/nrf52833_qiaa.dtsi",
    ),
    Board(
        "ST NUCLEO-F446RE",
        "Cortex-M4F, 180 MHz",
        512 * _KIB,
        128 * _KIB,
        "Zephyr: docs.zephyrproject.org, Nucleo F446RE; ST: RM0390, 2.1 (SRAM1 112 KB, SRAM2 16 KB after it)",
    ),
    Board(
        "ST NUCLEO-L476RG",
        "Cortex-M4F, 80 MHz",
        1024 * _KIB,
        96 * _KIB,
        "Zephyr: docs.zephyrproject.org, Nucleo L476RG; ST: RM0351, 2.1 (SRAM1 96 KB; SRAM2, 32 KB, is elsewhere)",
    ),
    Board(
        "ST NUCLEO-F746ZG",
        "Cortex-M7, 216 MHz",
        1024 * _KIB,
        320 * _KIB,
        "Zephyr: docs.zephyrproject.org, Nucleo F746ZG, and dts/arm/st/f7/stm32f746.dtsi (DTCM, SRAM1, SRAM2 in a row)",
    ),
    Board(
        "ST NUCLEO-H743ZI2",
        "Cortex-M7, 480 MHz",
        2048 * _KIB,
        512 * _KIB,
        "Zephyr: docs.zephyrproject.org, Nucleo H743ZI, and dts/arm/st/h7/stm32h743.dtsi (AXI SRAM; 1 MB in all)",
    ),
)

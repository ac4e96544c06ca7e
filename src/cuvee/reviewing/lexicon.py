"""How kind words about products are that VADER's lexicon, made for social media, does not know.

On VADER's scale, -4 to 4, set by hand by the size of words that it does know (good 1.9, terrible -2.1, broken -2.1);
none of the reviews that they are measured on was looked at for them.
"""

from collections.abc import Mapping

__all__ = ["PRODUCT_WORDS"]

_GROUPS: Mapping[float, str] = {
    2.0: "sturdy durable reliable flawless flawlessly well-made well-built top-notch gem affordable rugged",
    1.5: "smooth smoothly crisp accurate accurately versatile lightweight high-quality craft craftsmanship playable"
    " compact precise responsive seamless effortless effortlessly bargain inexpensive lasts lasting steady",
    1.0: "adjustable handy intuitive consistent firmly securely snug snugly tough balanced quieter",
    0.0: "hand hands straight play plays player players playing gain gains cut cuts cutting low lower",
    -1.0: "heavy bulky stiff hum hums buzz buzzes noise hiss crackle crackles static plasticky overpriced pricey wears"
    " scratchy scratched tinny muddy wobbles wobbled rattle slippery uneven dented dent mediocre returning",
    -1.5: "rattles rattling wobbly flimsily cheaply sharp-edged leak leaks leaking cracked crack cracks snapped snap"
    " peeled peeling bent rust rusted rusty refund squeak squeaks squeaky fragile brittle slips",
    -2.0: "flimsy poorly badly shoddy unreliable unusable junk garbage malfunction malfunctioned defect defects"
    " inaccurate returned",
}

PRODUCT_WORDS: Mapping[str, float] = {word: value for value, words in _GROUPS.items() for word in words.split()}
"""Word -> valence; 0 for words that mean something else beside a product than in a chat (a hand, the gain)."""

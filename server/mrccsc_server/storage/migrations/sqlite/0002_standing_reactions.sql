-- Reactions that stand are found without those that were taken back, of which there may be any number.
CREATE INDEX reaction_on ON reaction (conv, is_on, target, emoji, seq);

-- Reactions that stand are found without those that were taken back, of which there may be any number.
-- MySQL has no CREATE INDEX IF NOT EXISTS.
SET @step = IF(
    EXISTS (
        SELECT 1 FROM information_schema.statistics
        WHERE table_schema = DATABASE() AND table_name = 'reaction' AND index_name = 'reaction_on'
    ),
    'DO 0',
    'CREATE INDEX reaction_on ON reaction (conv, is_on, target, emoji, seq)'
);
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;

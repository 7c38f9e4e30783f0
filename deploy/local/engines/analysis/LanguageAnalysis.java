package kerya.analysis;

import java.util.Map;
import java.util.function.Supplier;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.ar.ArabicAnalyzer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.fr.FrenchAnalyzer;
import org.elasticsearch.index.analysis.AnalyzerProvider;
import org.elasticsearch.index.analysis.AnalyzerScope;
import org.elasticsearch.index.analysis.PreBuiltAnalyzerProvider;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * The language analyzers of the full distribution, by the same names: Lucene's own, which the bare server ships with
 * and does not offer.
 */
public final class LanguageAnalysis extends Plugin implements AnalysisPlugin {

    @Override
    public Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> getAnalyzers() {
        return Map.of(
            "arabic", provided(ArabicAnalyzer::new),
            "english", provided(EnglishAnalyzer::new),
            "french", provided(FrenchAnalyzer::new)
        );
    }

    private static AnalysisProvider<AnalyzerProvider<? extends Analyzer>> provided(Supplier<Analyzer> made) {
        return (index, environment, name, settings) ->
            new PreBuiltAnalyzerProvider(name, AnalyzerScope.INDICES, made.get());
    }
}

"""Compare terms and hits with Lucene itself, and print the number of differences as JSON.

    python plugins/rftcore-bm25/benchmarks/lucene.py ANSERINI_JAR [DOCUMENTS] [QUERIES]

Needs Java 11 or later and the jar of Anserini that the wheel of pyserini 0.22.1 holds
(`pip download --no-deps pyserini==0.22.1`, then `pyserini/resources/jars/` in it).
"""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from large import documents

from rftcore_bm25.analyzer import terms
from rftcore_bm25.index import Index

TOP = 50
TOLERANCE = 1e-5
SIGNS = (
    *("ab's", "U.S.", "1,000.5", "x_y", "it\u2019s", "running", "technologies", "caf\u00e9", "\u00ae", "\u00b2"),
    *(
        "\u6771\u4eac",
        "\u30bf\u30ef\u30fc",
        "\u3072\u3089",
        "\u0e20\u0e32\u0e29\u0e32",
        "\u05e9\u05dc\u05d5\u05dd",
        "\ud55c\uae00",
    ),
    *("a:b", "3;4", "'", '"', "-", "_", "the", "A.B.C", "\U0001f44d\U0001f3fd", "e\u0301", "\u00ad"),
)

PROGRAM = """
import io.anserini.analysis.AnalyzerUtils;
import io.anserini.analysis.DefaultEnglishAnalyzer;
import io.anserini.search.query.BagOfWordsQueryGenerator;
import java.io.BufferedReader;
import java.io.FileReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.lucene.document.*;
import org.apache.lucene.index.*;
import org.apache.lucene.search.*;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.ByteBuffersDirectory;
import org.apache.lucene.util.BytesRef;

public class Compared {
  static String text(String line) {
    return new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
  }

  public static void main(String[] files) throws Exception {
    var analyzer = DefaultEnglishAnalyzer.newDefaultInstance();
    var similarity = new BM25Similarity(0.9f, 0.4f);
    var directory = new ByteBuffersDirectory();
    var settings = new IndexWriterConfig(analyzer).setSimilarity(similarity);
    var counted = new FieldType();
    counted.setIndexOptions(IndexOptions.DOCS_AND_FREQS);
    counted.freeze();
    try (var writer = new IndexWriter(directory, settings); var lines = new BufferedReader(new FileReader(files[0]))) {
      for (String line; (line = lines.readLine()) != null; ) {
        String[] parts = line.split(" ", -1);
        var document = new Document();
        document.add(new StringField("id", text(parts[0]), Field.Store.YES));
        document.add(new BinaryDocValuesField("id", new BytesRef(text(parts[0]))));
        document.add(new Field("contents", text(parts[1]), counted));
        writer.addDocument(document);
      }
    }
    var searcher = new IndexSearcher(DirectoryReader.open(directory));
    searcher.setSimilarity(similarity);
    var order = new Sort(SortField.FIELD_SCORE, new SortField("id", SortField.Type.STRING_VAL));
    var out = new PrintStream(System.out, false, "UTF-8");
    try (var lines = new BufferedReader(new FileReader(files[1]))) {
      for (String line; (line = lines.readLine()) != null; ) {
        for (String term : AnalyzerUtils.analyze(analyzer, text(line)))
          out.print(Base64.getEncoder().encodeToString(term.getBytes(StandardCharsets.UTF_8)) + " ");
        out.print("|");
        var query = new BagOfWordsQueryGenerator().buildQuery("contents", analyzer, text(line));
        for (var hit : searcher.search(query, Integer.parseInt(files[2]), order, true).scoreDocs)
          out.print(" " + searcher.doc(hit.doc).get("id") + ":" + hit.score);
        out.println();
      }
    }
    out.flush();
  }
}
"""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def lucene(jar: Path, collection: Iterable[tuple[str, str]], asked: Iterable[str]) -> list[str]:
    """Return a line for each query: its terms, a bar, its hits."""
    with tempfile.TemporaryDirectory() as scratch:
        program, written, queries = (Path(scratch, name) for name in ("Compared.java", "documents", "queries"))
        program.write_text(PROGRAM, encoding="utf-8")
        written.write_text("".join(f"{encoded(name)} {encoded(text)}\n" for name, text in collection), encoding="ascii")
        queries.write_text("".join(f"{encoded(query)}\n" for query in asked), encoding="ascii")
        command = ["java", "-Xmx3g", "-cp", str(jar), str(program), str(written), str(queries), str(TOP)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def main(jar: Path, size: int, count: int) -> None:
    rng = random.Random(3)
    collection = list(documents(size))
    # Two documents together are longer than what Lucene stores exactly; the same text twice is a tie.
    collection += [(f"long{n}", f"{rng.choice(collection)[1]} {rng.choice(collection)[1]}") for n in range(size // 4)]
    collection += [(f"tie{n}", rng.choice(collection)[1]) for n in range(size // 10)]
    asked = []
    for _ in range(count):
        words = rng.sample(rng.choice(collection)[1].split(), rng.randrange(1, 12))
        words += rng.choices(words, k=rng.randrange(3)) + rng.choices(SIGNS, k=rng.randrange(4))
        asked.append(" ".join(words) if rng.random() < 0.9 else "".join(words))
    index = Index.of(collection)
    found = {"documents": len(index), "queries": count, "terms_differ": 0, "hits_differ": 0, "scores_differ": 0}
    for query, line in zip(asked, lucene(jar, collection, asked), strict=True):
        words, _, hits = line.partition("|")
        expected = [hit.rpartition(":") for hit in hits.split()]
        got = index.search(query, TOP)
        found["terms_differ"] += [base64.b64decode(word).decode() for word in words.split()] != terms(query)
        found["hits_differ"] += [name for name, _, _ in expected] != [hit.id for hit in got]
        found["scores_differ"] += any(
            abs(float(score) - hit.score) > TOLERANCE for (_, _, score), hit in zip(expected, got, strict=False)
        )
    print(json.dumps(found))


if __name__ == "__main__":
    given = [*sys.argv[2:], "50000", "2000"] if len(sys.argv) == 2 else [*sys.argv[2:], "2000"]
    main(Path(sys.argv[1]), int(given[0]), int(given[1]))

// Prints what ROME sees in each feed of the command line, a JSON array a line.
import com.rometools.rome.feed.synd.SyndCategory;
import com.rometools.rome.feed.synd.SyndContent;
import com.rometools.rome.feed.synd.SyndEnclosure;
import com.rometools.rome.feed.synd.SyndEntry;
import com.rometools.rome.feed.synd.SyndPerson;
import com.rometools.rome.io.SyndFeedInput;
import com.rometools.rome.io.XmlReader;
import java.io.File;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

public class Rome {
    public static void main(String[] paths) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        for (String path : paths) {
            List<String> rows = new ArrayList<>();
            for (SyndEntry entry : new SyndFeedInput().build(new XmlReader(new File(path))).getEntries()) {
                rows.add(row(entry));
            }
            out.println("[" + String.join(",", rows) + "]");
        }
    }

    static String row(SyndEntry entry) {
        List<String> authors = new ArrayList<>(), categories = new ArrayList<>(), files = new ArrayList<>();
        for (SyndPerson person : entry.getAuthors()) {
            authors.add(text(person.getName()));
        }
        if (authors.isEmpty() && entry.getAuthor() != null && !entry.getAuthor().isEmpty()) {
            authors.add(text(entry.getAuthor()));
        }
        for (SyndCategory category : entry.getCategories()) {
            categories.add(text(category.getName()));
        }
        for (SyndEnclosure file : entry.getEnclosures()) {
            files.add("[" + text(file.getUrl()) + "," + text(file.getType()) + ",\"" + file.getLength() + "\"]");
        }
        StringBuilder content = new StringBuilder();
        for (SyndContent part : entry.getContents()) {
            content.append(part.getValue());
        }
        String summary = entry.getDescription() == null ? "" : entry.getDescription().getValue();
        boolean plain = entry.getDescription() != null && "text".equals(entry.getDescription().getType());
        return "{\"id\":" + text(entry.getUri()) + ",\"title\":" + text(entry.getTitle()) + ",\"link\":"
            + text(entry.getLink()) + ",\"authors\":" + authors + ",\"content\":" + text(content.toString())
            + ",\"summary\":" + text(summary) + ",\"plain\":" + plain + ",\"published\":"
            + instant(entry.getPublishedDate()) + ",\"updated\":" + instant(entry.getUpdatedDate())
            + ",\"categories\":" + categories + ",\"enclosures\":" + files + "}";
    }

    static String instant(Date at) {
        return at == null ? "null" : text(at.toInstant().toString());
    }

    static String text(String value) {
        if (value == null) {
            return "null";
        }
        StringBuilder made = new StringBuilder("\"");
        for (char c : value.toCharArray()) {
            if (c < ' ' || c == '"' || c == '\\' || c == 0x7f) {
                made.append(String.format("\\u%04x", (int) c));
            } else {
                made.append(c);
            }
        }
        return made.append('"').toString();
    }
}

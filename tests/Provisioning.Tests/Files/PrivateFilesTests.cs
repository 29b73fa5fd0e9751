using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.Provisioning.Tests.Files;

public sealed class PrivateFilesTests
{
    [Fact]
    public void Nodes_of_a_cluster_that_started_together_each_made_a_token_of_their_own()
    {
        using var folder = TemporaryFolder.Make();
        for (var round = 0; round < 50; round++)
        {
            var file = Path.Combine(folder.Path, $"token-{round}");
            using var together = new Barrier(participantCount: 3);
            var tokens = new string[3];
            var nodes = Enumerable.Range(0, 3).Select(node => new Thread(() =>
            {
                together.SignalAndWait();
                tokens[node] = PrivateFiles.ReadOrMake(file, PrivateFiles.NewSecret);
            })).ToList();
            nodes.ForEach(node => node.Start());
            nodes.ForEach(node => node.Join());

            Assert.Single(tokens.Distinct());
            Assert.Equal(File.ReadAllText(file), tokens[0]);
        }

        Assert.Equal(50, Directory.GetFiles(folder.Path).Length);
    }
}

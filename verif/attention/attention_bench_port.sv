// attention_bench_port: a memory that one port of attention reads and writes: what a write puts there appears to reads once it is
// answered. Contents from <Name><Index>.bin of the run's folder at load_i. For the benches of attention and attention_array.
module attention_bench_port #(
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned MemBytes = 1 << 20,
    parameter logic [63:0] BaseAddr = 64'd0,
    parameter string Name = "k",
    parameter int unsigned Index = 0
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [  IdW-1:0] s_axi_arid,
    input  logic [AddrW-1:0] s_axi_araddr,
    input  logic [      7:0] s_axi_arlen,
    input  logic [      2:0] s_axi_arsize,
    input  logic [      1:0] s_axi_arburst,
    input  logic             s_axi_arvalid,
    output logic             s_axi_arready,
    output logic [  IdW-1:0] s_axi_rid,
    output logic [    255:0] s_axi_rdata,
    output logic [      1:0] s_axi_rresp,
    output logic             s_axi_rlast,
    output logic             s_axi_rvalid,
    input  logic             s_axi_rready,
    input  logic [  IdW-1:0] s_axi_awid,
    input  logic [AddrW-1:0] s_axi_awaddr,
    input  logic [      7:0] s_axi_awlen,
    input  logic [      2:0] s_axi_awsize,
    input  logic [      1:0] s_axi_awburst,
    input  logic             s_axi_awvalid,
    output logic             s_axi_awready,
    input  logic [    255:0] s_axi_wdata,
    input  logic [     31:0] s_axi_wstrb,
    input  logic             s_axi_wlast,
    input  logic             s_axi_wvalid,
    output logic             s_axi_wready,
    output logic [  IdW-1:0] s_axi_bid,
    output logic [      1:0] s_axi_bresp,
    output logic             s_axi_bvalid,
    input  logic             s_axi_bready,
    // knobs
    input  logic [     15:0] latency_i,
    input  logic [     15:0] write_latency_i,
    input  logic [      7:0] ar_stall_i,
    input  logic [      7:0] r_gap_i,
    input  logic [     31:0] seed_i,
    input  logic             err_read_i,
    input  logic             err_write_i,
    input  logic [AddrW-1:0] err_addr_i,
    input  logic [      1:0] err_resp_i,
    input  logic             dead_i,
    input  logic             load_i,
    // since mark_i: beats read, cycles from the first to the last
    input  logic             mark_i,
    output logic [     31:0] beats_o,
    output logic [     31:0] span_o
);
  logic [31:0] ars, total, bursts;
  axi_read_mem #(
      .DataW(256), .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseAddr), .Latency(60)
  ) i_read (
      .clk_i, .rst_ni, .s_axi_arid, .s_axi_araddr, .s_axi_arlen, .s_axi_arsize, .s_axi_arburst, .s_axi_arvalid, .s_axi_arready,
      .s_axi_rid, .s_axi_rdata, .s_axi_rresp, .s_axi_rlast, .s_axi_rvalid, .s_axi_rready,
      .latency_i, .ar_stall_i, .r_gap_i, .seed_i, .err_en_i(err_read_i), .err_addr_i, .err_resp_i, .err_last_i(1'b0), .dead_i,
      .load_i(1'b0), .ars_o(ars), .beats_o(total)
  );
  logic commit;
  logic [63:0] commit_addr;
  logic [8:0] commit_beats;
  axi_write_mem #(
      .DataW(256), .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseAddr), .Latency(40)
  ) i_write (
      .clk_i, .rst_ni, .s_axi_awid, .s_axi_awaddr, .s_axi_awlen, .s_axi_awsize, .s_axi_awburst, .s_axi_awvalid, .s_axi_awready,
      .s_axi_wdata, .s_axi_wstrb, .s_axi_wlast, .s_axi_wvalid, .s_axi_wready, .s_axi_bid, .s_axi_bresp, .s_axi_bvalid,
      .s_axi_bready, .latency_i(write_latency_i), .aw_stall_i(ar_stall_i), .w_stall_i(r_gap_i), .b_gap_i(r_gap_i),
      .seed_i(seed_i + 4), .err_en_i(err_write_i), .err_addr_i, .err_resp_i, .dead_i,
      .commit_o(commit), .commit_addr_o(commit_addr), .commit_beats_o(commit_beats), .bursts_o(bursts)
  );

  int file, unused_bytes;
  always @(posedge clk_i) begin
    if (commit) begin
      for (int unsigned i = 0; i < 32 * 32'(commit_beats); i++)
        i_read.mem[32'(commit_addr-BaseAddr)+i] = i_write.mem[32'(commit_addr-BaseAddr)+i];
    end
    if (load_i) begin
      file = $fopen($sformatf("%s%0d.bin", Name, Index), "rb");
      if (file == 0) $fatal(1, "%m: no %s%0d.bin", Name, Index);
      unused_bytes = $fread(i_read.mem, file);
      i_write.mem = i_read.mem;  // of which masked bytes stay
      $fclose(file);
    end
  end

  logic [31:0] now_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || mark_i) begin
      {now_q, beats_o, span_o} <= '0;
    end else begin
      if (s_axi_rvalid || now_q != 0) now_q <= now_q + 1;
      if (s_axi_rvalid) {beats_o, span_o} <= {beats_o + 1, now_q + 1};
    end
  end
endmodule

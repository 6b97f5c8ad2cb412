// attention_bench: attention on two memories, keys and values, that it reads and writes; all knobs as ports. For tb.py.
module attention_bench #(
    parameter int unsigned QHeads = 2,
    parameter int unsigned MaxHeadDim = 128,
    parameter int unsigned KvBits = 16,
    parameter int unsigned AddrW = 64,
    parameter int unsigned IdW = 1,
    parameter int unsigned ReadBeats = 512,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned KvBeats = 128,
    parameter int unsigned Blocks = 4,
    parameter int unsigned MemBytes = 1 << 20  // of each side
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [     19:0] s_cmd_position,
    input  logic [     20:0] s_cmd_max_context,
    input  logic [AddrW-1:0] s_cmd_cache_k,
    input  logic [AddrW-1:0] s_cmd_cache_v,
    input  logic [      7:0] s_cmd_heads,
    input  logic [      7:0] s_cmd_kv_heads,
    input  logic [      9:0] s_cmd_head_dim,
    input  logic [     31:0] s_cmd_scale,
    input  logic             s_cmd_tvalid,
    output logic             s_cmd_tready,
    input  logic [    511:0] s_axis_q_tdata,
    input  logic             s_axis_q_tvalid,
    output logic             s_axis_q_tready,
    input  logic [    511:0] s_axis_k_tdata,
    input  logic             s_axis_k_tvalid,
    output logic             s_axis_k_tready,
    input  logic [    511:0] s_axis_v_tdata,
    input  logic             s_axis_v_tvalid,
    output logic             s_axis_v_tready,
    output logic [    511:0] m_axis_tdata,
    output logic             m_axis_tlast,
    output logic             m_axis_tvalid,
    input  logic             m_axis_tready,
    input  logic             clear_i,
    output logic             busy_o,
    output logic             idle_o,
    output logic             error_o,
    output logic [      3:0] error_fault_o,
    output logic [      3:0] error_cause_o,
    output logic [AddrW-1:0] error_addr_o,
    // memories
    input  logic [     15:0] latency_i,
    input  logic [     15:0] write_latency_i,
    input  logic [      7:0] ar_stall_i,
    input  logic [      7:0] r_gap_i,
    input  logic [     31:0] seed_i,
    input  logic [      3:0] err_side_i,  // write v, write k, read v, read k
    input  logic [AddrW-1:0] err_addr_i,
    input  logic [      1:0] err_resp_i,
    input  logic             dead_i,
    input  logic             load_i,  // k.bin and v.bin of the run's folder become the contents
    output logic             out_live_o,  // low while the output may be withdrawn (reset, clear)
    // since mark_i: beats read, cycles from the first to the last
    input  logic             mark_i,
    output logic [     31:0] k_beats_o,
    output logic [     31:0] k_span_o,
    output logic [     31:0] v_beats_o,
    output logic [     31:0] v_span_o
);
  localparam logic [63:0] BaseK = 64'h4000_0000, BaseV = 64'h9000_0000;
  logic [IdW-1:0] k_arid;
  logic [AddrW-1:0] k_araddr;
  logic [7:0] k_arlen;
  logic [2:0] k_arsize;
  logic [1:0] k_arburst;
  logic [3:0] k_arcache;
  logic [2:0] k_arprot;
  logic k_arvalid;
  logic k_arready;
  logic [IdW-1:0] k_rid;
  logic [255:0] k_rdata;
  logic [1:0] k_rresp;
  logic k_rlast;
  logic k_rvalid;
  logic k_rready;
  logic [IdW-1:0] k_awid;
  logic [AddrW-1:0] k_awaddr;
  logic [7:0] k_awlen;
  logic [2:0] k_awsize;
  logic [1:0] k_awburst;
  logic [3:0] k_awcache;
  logic [2:0] k_awprot;
  logic k_awvalid;
  logic k_awready;
  logic [255:0] k_wdata;
  logic [31:0] k_wstrb;
  logic k_wlast;
  logic k_wvalid;
  logic k_wready;
  logic [IdW-1:0] k_bid;
  logic [1:0] k_bresp;
  logic k_bvalid;
  logic k_bready;
  logic [IdW-1:0] v_arid;
  logic [AddrW-1:0] v_araddr;
  logic [7:0] v_arlen;
  logic [2:0] v_arsize;
  logic [1:0] v_arburst;
  logic [3:0] v_arcache;
  logic [2:0] v_arprot;
  logic v_arvalid;
  logic v_arready;
  logic [IdW-1:0] v_rid;
  logic [255:0] v_rdata;
  logic [1:0] v_rresp;
  logic v_rlast;
  logic v_rvalid;
  logic v_rready;
  logic [IdW-1:0] v_awid;
  logic [AddrW-1:0] v_awaddr;
  logic [7:0] v_awlen;
  logic [2:0] v_awsize;
  logic [1:0] v_awburst;
  logic [3:0] v_awcache;
  logic [2:0] v_awprot;
  logic v_awvalid;
  logic v_awready;
  logic [255:0] v_wdata;
  logic [31:0] v_wstrb;
  logic v_wlast;
  logic v_wvalid;
  logic v_wready;
  logic [IdW-1:0] v_bid;
  logic [1:0] v_bresp;
  logic v_bvalid;
  logic v_bready;
  logic clear_q;
  always_ff @(posedge clk_i) clear_q <= clear_i;
  assign out_live_o = rst_ni && !clear_i && !clear_q;

  attention #(
      .QHeads(QHeads), .MaxHeadDim(MaxHeadDim), .KvBits(KvBits), .AddrW(AddrW), .IdW(IdW), .ReadBeats(ReadBeats), .WindowBytes(WindowBytes),
      .KvBeats(KvBeats), .Blocks(Blocks)
  ) i_dut (
      .clk_i, .rst_ni,
      .s_cmd_position, .s_cmd_max_context, .s_cmd_cache_k, .s_cmd_cache_v, .s_cmd_heads, .s_cmd_kv_heads, .s_cmd_head_dim,
      .s_cmd_scale, .s_cmd_tvalid, .s_cmd_tready,
      .s_axis_q_tdata, .s_axis_q_tvalid, .s_axis_q_tready, .s_axis_k_tdata, .s_axis_k_tvalid, .s_axis_k_tready,
      .s_axis_v_tdata, .s_axis_v_tvalid, .s_axis_v_tready, .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid, .m_axis_tready,
      .m_axi_k_arid(k_arid), .m_axi_k_araddr(k_araddr), .m_axi_k_arlen(k_arlen), .m_axi_k_arsize(k_arsize),
      .m_axi_k_arburst(k_arburst), .m_axi_k_arcache(k_arcache), .m_axi_k_arprot(k_arprot), .m_axi_k_arvalid(k_arvalid),
      .m_axi_k_arready(k_arready), .m_axi_k_rid(k_rid), .m_axi_k_rdata(k_rdata), .m_axi_k_rresp(k_rresp),
      .m_axi_k_rlast(k_rlast), .m_axi_k_rvalid(k_rvalid), .m_axi_k_rready(k_rready), .m_axi_k_awid(k_awid),
      .m_axi_k_awaddr(k_awaddr), .m_axi_k_awlen(k_awlen), .m_axi_k_awsize(k_awsize), .m_axi_k_awburst(k_awburst),
      .m_axi_k_awcache(k_awcache), .m_axi_k_awprot(k_awprot), .m_axi_k_awvalid(k_awvalid), .m_axi_k_awready(k_awready),
      .m_axi_k_wdata(k_wdata), .m_axi_k_wstrb(k_wstrb), .m_axi_k_wlast(k_wlast), .m_axi_k_wvalid(k_wvalid),
      .m_axi_k_wready(k_wready), .m_axi_k_bid(k_bid), .m_axi_k_bresp(k_bresp), .m_axi_k_bvalid(k_bvalid),
      .m_axi_k_bready(k_bready),
      .m_axi_v_arid(v_arid), .m_axi_v_araddr(v_araddr), .m_axi_v_arlen(v_arlen), .m_axi_v_arsize(v_arsize),
      .m_axi_v_arburst(v_arburst), .m_axi_v_arcache(v_arcache), .m_axi_v_arprot(v_arprot), .m_axi_v_arvalid(v_arvalid),
      .m_axi_v_arready(v_arready), .m_axi_v_rid(v_rid), .m_axi_v_rdata(v_rdata), .m_axi_v_rresp(v_rresp),
      .m_axi_v_rlast(v_rlast), .m_axi_v_rvalid(v_rvalid), .m_axi_v_rready(v_rready), .m_axi_v_awid(v_awid),
      .m_axi_v_awaddr(v_awaddr), .m_axi_v_awlen(v_awlen), .m_axi_v_awsize(v_awsize), .m_axi_v_awburst(v_awburst),
      .m_axi_v_awcache(v_awcache), .m_axi_v_awprot(v_awprot), .m_axi_v_awvalid(v_awvalid), .m_axi_v_awready(v_awready),
      .m_axi_v_wdata(v_wdata), .m_axi_v_wstrb(v_wstrb), .m_axi_v_wlast(v_wlast), .m_axi_v_wvalid(v_wvalid),
      .m_axi_v_wready(v_wready), .m_axi_v_bid(v_bid), .m_axi_v_bresp(v_bresp), .m_axi_v_bvalid(v_bvalid),
      .m_axi_v_bready(v_bready),
      .clear_i, .busy_o, .idle_o, .error_o, .error_fault_o(error_fault_o), .error_cause_o, .error_addr_o
  );

  axi_read_mem #(
      .DataW(256), .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseK), .Latency(60)
  ) i_k_read (
      .clk_i, .rst_ni,
      .s_axi_arid(k_arid), .s_axi_araddr(k_araddr), .s_axi_arlen(k_arlen), .s_axi_arsize(k_arsize),
      .s_axi_arburst(k_arburst), .s_axi_arvalid(k_arvalid), .s_axi_arready(k_arready), .s_axi_rid(k_rid),
      .s_axi_rdata(k_rdata), .s_axi_rresp(k_rresp), .s_axi_rlast(k_rlast), .s_axi_rvalid(k_rvalid),
      .s_axi_rready(k_rready),
      .latency_i, .ar_stall_i, .r_gap_i, .seed_i(seed_i + 0), .err_en_i(err_side_i[0]), .err_addr_i, .err_resp_i,
      .err_last_i(1'b0), .dead_i, .load_i(1'b0), .ars_o(k_ars), .beats_o(k_total)
  );
  axi_write_mem #(
      .DataW(256), .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseK), .Latency(40)
  ) i_k_write (
      .clk_i, .rst_ni,
      .s_axi_awid(k_awid), .s_axi_awaddr(k_awaddr), .s_axi_awlen(k_awlen), .s_axi_awsize(k_awsize),
      .s_axi_awburst(k_awburst), .s_axi_awvalid(k_awvalid), .s_axi_awready(k_awready), .s_axi_wdata(k_wdata),
      .s_axi_wstrb(k_wstrb), .s_axi_wlast(k_wlast), .s_axi_wvalid(k_wvalid), .s_axi_wready(k_wready), .s_axi_bid(k_bid),
      .s_axi_bresp(k_bresp), .s_axi_bvalid(k_bvalid), .s_axi_bready(k_bready),
      .latency_i(write_latency_i), .aw_stall_i(ar_stall_i), .w_stall_i(r_gap_i), .b_gap_i(r_gap_i),
      .seed_i(seed_i + 4), .err_en_i(err_side_i[2]), .err_addr_i, .err_resp_i, .dead_i,
      .commit_o(k_commit), .commit_addr_o(k_commit_addr), .commit_beats_o(k_commit_beats), .bursts_o(k_bursts)
  );
  logic [31:0] k_ars, k_total, k_bursts;
  logic k_commit;
  logic [63:0] k_commit_addr;
  logic [8:0] k_commit_beats;
  // What a write put into its memory is copied to where reads look, once it is answered.
  always @(posedge clk_i) begin
    if (k_commit) begin
      for (int unsigned i = 0; i < 32 * 32'(k_commit_beats); i++)
        i_k_read.mem[32'(k_commit_addr-BaseK)+i] = i_k_write.mem[32'(k_commit_addr-BaseK)+i];
    end
  end

  axi_read_mem #(
      .DataW(256), .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseV), .Latency(60)
  ) i_v_read (
      .clk_i, .rst_ni,
      .s_axi_arid(v_arid), .s_axi_araddr(v_araddr), .s_axi_arlen(v_arlen), .s_axi_arsize(v_arsize),
      .s_axi_arburst(v_arburst), .s_axi_arvalid(v_arvalid), .s_axi_arready(v_arready), .s_axi_rid(v_rid),
      .s_axi_rdata(v_rdata), .s_axi_rresp(v_rresp), .s_axi_rlast(v_rlast), .s_axi_rvalid(v_rvalid),
      .s_axi_rready(v_rready),
      .latency_i, .ar_stall_i, .r_gap_i, .seed_i(seed_i + 1), .err_en_i(err_side_i[1]), .err_addr_i, .err_resp_i,
      .err_last_i(1'b0), .dead_i, .load_i(1'b0), .ars_o(v_ars), .beats_o(v_total)
  );
  axi_write_mem #(
      .DataW(256), .AddrW(AddrW), .IdW(IdW), .MemBytes(MemBytes), .BaseAddr(BaseV), .Latency(40)
  ) i_v_write (
      .clk_i, .rst_ni,
      .s_axi_awid(v_awid), .s_axi_awaddr(v_awaddr), .s_axi_awlen(v_awlen), .s_axi_awsize(v_awsize),
      .s_axi_awburst(v_awburst), .s_axi_awvalid(v_awvalid), .s_axi_awready(v_awready), .s_axi_wdata(v_wdata),
      .s_axi_wstrb(v_wstrb), .s_axi_wlast(v_wlast), .s_axi_wvalid(v_wvalid), .s_axi_wready(v_wready), .s_axi_bid(v_bid),
      .s_axi_bresp(v_bresp), .s_axi_bvalid(v_bvalid), .s_axi_bready(v_bready),
      .latency_i(write_latency_i), .aw_stall_i(ar_stall_i), .w_stall_i(r_gap_i), .b_gap_i(r_gap_i),
      .seed_i(seed_i + 5), .err_en_i(err_side_i[3]), .err_addr_i, .err_resp_i, .dead_i,
      .commit_o(v_commit), .commit_addr_o(v_commit_addr), .commit_beats_o(v_commit_beats), .bursts_o(v_bursts)
  );
  logic [31:0] v_ars, v_total, v_bursts;
  logic v_commit;
  logic [63:0] v_commit_addr;
  logic [8:0] v_commit_beats;
  // What a write put into its memory is copied to where reads look, once it is answered.
  always @(posedge clk_i) begin
    if (v_commit) begin
      for (int unsigned i = 0; i < 32 * 32'(v_commit_beats); i++)
        i_v_read.mem[32'(v_commit_addr-BaseV)+i] = i_v_write.mem[32'(v_commit_addr-BaseV)+i];
    end
  end

  int file, unused_bytes;
  always @(posedge clk_i) begin
    if (load_i) begin
      file = $fopen("k.bin", "rb");
      if (file == 0) $fatal(1, "%m: no k.bin");
      unused_bytes = $fread(i_k_read.mem, file);
      i_k_write.mem = i_k_read.mem;  // of which masked bytes stay
      $fclose(file);
      file = $fopen("v.bin", "rb");
      if (file == 0) $fatal(1, "%m: no v.bin");
      unused_bytes = $fread(i_v_read.mem, file);
      i_v_write.mem = i_v_read.mem;
      $fclose(file);
    end
  end

  // ---- use of the ports ----------------------------------------------------------------------------------------------
  logic [31:0] k_now, v_now;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || mark_i) begin
      {k_now, k_beats_o, k_span_o, v_now, v_beats_o, v_span_o} <= '0;
    end else begin
      if (k_rvalid || k_now != 0) k_now <= k_now + 1;
      if (k_rvalid) {k_beats_o, k_span_o} <= {k_beats_o + 1, k_now + 1};
      if (v_rvalid || v_now != 0) v_now <= v_now + 1;
      if (v_rvalid) {v_beats_o, v_span_o} <= {v_beats_o + 1, v_now + 1};
    end
  end
endmodule

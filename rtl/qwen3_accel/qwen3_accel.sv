// qwen3_accel: a whole Qwen3 or Llama-shaped model on chip and in memory: prompt tokens in, text tokens out, no host between tokens.
//
// Control:  AXI4-Lite registers (docs/registers.md), prompt and output rings, an interrupt.
// Memory:   Ports = Slices + 4 AXI4 ports of 256 bits, each reading its own part of the image: 0 .. Slices-1 weight streams of the slices,
//           the first Lanes / 8 * KvEngines of them also keys (even ports) and values (odd ones), read and written; then auxiliary
//           (program, embedding, norms, RoPE, scales, pairs), and codebooks, packets and rows of linear_covq (with Gather start values,
//           nothing and nothing). The write channels of all others are idle.
// Program:  docs/program.md. Every result equals golden/machine.py in every bit.
//
// Latency:       a token's cycles are measured, see docs/cores/qwen3_accel.md.
// Back-pressure: a full output ring stops between tokens; memory may stall anywhere.
// Errors:        ERROR tells cause, place, descriptor and address; nothing goes on until CONTROL.clear.
// Reset:         synchronous; the memory side must be reset with it (AXI). With HbmClock both resets together, see axi_cdc.
//
// Parameters:
//   Configuration   0 tiny, 1 small, 2 v80, 3 v80-gather, 4 tiny-gather: the defaults of all down to Gather, see qwen3_accel_pkg
//   Lanes           binary32 values of a line of the frame and of every stream between engines, a power of two from 16 on
//   Slices          lookup slices, a power of two
//   Tokens          of a batch, which share a reading of the weights: 1, 2, 4, 8
//   Batches         of a pass through the program at most, 1 or 2: one has its linears while the other has everything else
//   Slots           outputs per unit of a slice: a group has at most 32*Slots
//   Centroids       of a weight codebook at most: 16, 32, 64
//   FrameLines      lines of activations on chip: the image's frame_words / Lanes at least, 65535 / (Tokens * Batches) at most
//   MaxInputs       longest input of a linear
//   MaxPositions    most positions of a linear in one slice
//   MaxHidden       longest vector that is normed, a power of two, >= 2 * Lanes
//   MaxHeadDim      longest head, a power of two, >= 2 * Lanes
//   KvEngines       attention engines, a power of two up to 8: a key/value head each at a time; Lanes / 8 * KvEngines ports share the cache
//   QHeads          most query heads of a key/value head
//   StreamBeats     beats that each weight stream runs ahead
//   TablePositions  positions of a co-quantised linear's table that fit on chip
//   Gather          1: co-quantised linears run on all slices, rows come from their ports; 0: on one of their own, linear_covq
//   ClockGates      1: engines that rest have no clock, see accel_clock_gate
//   RingDepth       tokens of the rings
//   HbmClock        1: the m_axi ports have hbm_clk_i, hbm_rst_ni, an axi_cdc at each; 0: they have clk_i, those two are unused
//   HardwareHash    of the parameters that an image depends on, see docs/image.md
module qwen3_accel
  import accel_pkg::*;
  import qwen3_accel_pkg::*;
#(
    parameter int unsigned Configuration = 0,
    parameter int unsigned Lanes = Config[known(Configuration)].frame_lanes,
    parameter int unsigned Slices = Config[known(Configuration)].slices,
    parameter int unsigned Tokens = Config[known(Configuration)].tokens,
    parameter int unsigned Batches = Config[known(Configuration)].batches,
    parameter int unsigned Slots = Config[known(Configuration)].slots,
    parameter int unsigned Centroids = Config[known(Configuration)].centroids,
    parameter int unsigned FrameLines = Config[known(Configuration)].frame_lines,
    parameter int unsigned MaxInputs = Config[known(Configuration)].max_inputs,
    parameter int unsigned MaxPositions = Config[known(Configuration)].max_positions,
    parameter int unsigned MaxHidden = Config[known(Configuration)].max_hidden,
    parameter int unsigned MaxHeadDim = Config[known(Configuration)].max_head_dim,
    parameter int unsigned KvEngines = Config[known(Configuration)].kv_engines,
    parameter int unsigned QHeads = Config[known(Configuration)].q_heads,
    parameter int unsigned StreamBeats = Config[known(Configuration)].stream_beats,
    parameter int unsigned TablePositions = Config[known(Configuration)].table_positions,
    parameter bit Gather = Config[known(Configuration)].gather,
    parameter bit ClockGates = 1'b0,
    parameter int unsigned RingDepth = 4096,
    parameter bit HbmClock = 1'b0,
    parameter logic [63:0] HardwareHash = 64'd0,
    localparam int unsigned Ports = Slices + 4
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          hbm_clk_i,
    input  logic                          hbm_rst_ni,
    // host, AXI4-Lite
    input  logic            [        8:0] s_axil_awaddr,
    input  logic            [        2:0] s_axil_awprot,
    input  logic                          s_axil_awvalid,
    output logic                          s_axil_awready,
    input  logic            [       31:0] s_axil_wdata,
    input  logic            [        3:0] s_axil_wstrb,
    input  logic                          s_axil_wvalid,
    output logic                          s_axil_wready,
    output logic            [        1:0] s_axil_bresp,
    output logic                          s_axil_bvalid,
    input  logic                          s_axil_bready,
    input  logic            [        8:0] s_axil_araddr,
    input  logic            [        2:0] s_axil_arprot,
    input  logic                          s_axil_arvalid,
    output logic                          s_axil_arready,
    output logic            [       31:0] s_axil_rdata,
    output logic            [        1:0] s_axil_rresp,
    output logic                          s_axil_rvalid,
    input  logic                          s_axil_rready,
    output logic                          irq_o,
    // memory, AXI4
    output logic [Ports-1:0][        0:0] m_axi_arid,
    output logic [Ports-1:0][       63:0] m_axi_araddr,
    output logic [Ports-1:0][        7:0] m_axi_arlen,
    output logic [Ports-1:0][        2:0] m_axi_arsize,
    output logic [Ports-1:0][        1:0] m_axi_arburst,
    output logic [Ports-1:0][        3:0] m_axi_arcache,
    output logic [Ports-1:0][        2:0] m_axi_arprot,
    output logic [Ports-1:0]              m_axi_arvalid,
    input  logic [Ports-1:0]              m_axi_arready,
    input  logic [Ports-1:0][        0:0] m_axi_rid,
    input  logic [Ports-1:0][  BeatW-1:0] m_axi_rdata,
    input  logic [Ports-1:0][        1:0] m_axi_rresp,
    input  logic [Ports-1:0]              m_axi_rlast,
    input  logic [Ports-1:0]              m_axi_rvalid,
    output logic [Ports-1:0]              m_axi_rready,
    output logic [Ports-1:0][        0:0] m_axi_awid,
    output logic [Ports-1:0][       63:0] m_axi_awaddr,
    output logic [Ports-1:0][        7:0] m_axi_awlen,
    output logic [Ports-1:0][        2:0] m_axi_awsize,
    output logic [Ports-1:0][        1:0] m_axi_awburst,
    output logic [Ports-1:0][        3:0] m_axi_awcache,
    output logic [Ports-1:0][        2:0] m_axi_awprot,
    output logic [Ports-1:0]              m_axi_awvalid,
    input  logic [Ports-1:0]              m_axi_awready,
    output logic [Ports-1:0][  BeatW-1:0] m_axi_wdata,
    output logic [Ports-1:0][BeatW/8-1:0] m_axi_wstrb,
    output logic [Ports-1:0]              m_axi_wlast,
    output logic [Ports-1:0]              m_axi_wvalid,
    input  logic [Ports-1:0]              m_axi_wready,
    input  logic [Ports-1:0][        0:0] m_axi_bid,
    input  logic [Ports-1:0][        1:0] m_axi_bresp,
    input  logic [Ports-1:0]              m_axi_bvalid,
    output logic [Ports-1:0]              m_axi_bready
);
  if (Configuration >= Configurations) $error("%m: Configuration is %0d, allowed: 0..%0d", Configuration, Configurations - 1);

  accel_regs_pkg::run_t run;
  accel_regs_pkg::status_t status;
  logic [31:0] prompt;
  logic prompt_last, prompt_valid, prompt_ready, token_valid, token_ready;
  logic [TokenW-1:0] token;
  // memory side of the core
  logic [Ports-1:0][0:0] core_arid, core_rid, core_awid, core_bid;
  logic [Ports-1:0][63:0] core_araddr, core_awaddr;
  logic [Ports-1:0][7:0] core_arlen, core_awlen;
  logic [Ports-1:0][2:0] core_arsize, core_arprot, core_awsize, core_awprot;
  logic [Ports-1:0][1:0] core_arburst, core_rresp, core_awburst, core_bresp;
  logic [Ports-1:0][3:0] core_arcache, core_awcache;
  logic [Ports-1:0] core_arvalid, core_arready, core_rlast, core_rvalid, core_rready, core_awvalid, core_awready, core_wlast,
      core_wvalid, core_wready, core_bvalid, core_bready;
  logic [Ports-1:0][BeatW-1:0] core_rdata, core_wdata;
  logic [Ports-1:0][BeatW/8-1:0] core_wstrb;

  accel_regs #(.RingDepth(RingDepth), .Slices(Slices), .Ports(Ports), .HardwareHash(HardwareHash)) u_regs (
      .clk_i, .rst_ni,
      .s_axil_awaddr, .s_axil_awprot, .s_axil_awvalid, .s_axil_awready, .s_axil_wdata, .s_axil_wstrb, .s_axil_wvalid,
      .s_axil_wready, .s_axil_bresp, .s_axil_bvalid, .s_axil_bready, .s_axil_araddr, .s_axil_arprot, .s_axil_arvalid,
      .s_axil_arready, .s_axil_rdata, .s_axil_rresp, .s_axil_rvalid, .s_axil_rready, .irq_o,
      .run_o(run), .status_i(status), .m_axis_prompt_tdata(prompt), .m_axis_prompt_tlast(prompt_last),
      .m_axis_prompt_tvalid(prompt_valid), .m_axis_prompt_tready(prompt_ready),
      .s_axis_output_tdata(31'(token)), .s_axis_output_tvalid(token_valid), .s_axis_output_tready(token_ready)
  );
  accel_core #(
      .Lanes(Lanes), .Slices(Slices), .Tokens(Tokens), .Batches(Batches), .Slots(Slots), .Centroids(Centroids), .FrameLines(FrameLines), .MaxInputs(MaxInputs),
      .MaxPositions(MaxPositions), .MaxHidden(MaxHidden), .MaxHeadDim(MaxHeadDim), .KvEngines(KvEngines), .QHeads(QHeads), .StreamBeats(StreamBeats), .TablePositions(TablePositions), .Gather(Gather), .ClockGates(ClockGates)
  ) u_core (
      .clk_i, .rst_ni, .hash_i(HardwareHash), .run_i(run), .status_o(status),
      .s_prompt_tdata(prompt), .s_prompt_tvalid(prompt_valid), .s_prompt_tready(prompt_ready),
      .m_token_tdata(token), .m_token_tvalid(token_valid), .m_token_tready(token_ready),
      .m_axi_arid(core_arid), .m_axi_araddr(core_araddr), .m_axi_arlen(core_arlen), .m_axi_arsize(core_arsize),
      .m_axi_arburst(core_arburst), .m_axi_arcache(core_arcache), .m_axi_arprot(core_arprot), .m_axi_arvalid(core_arvalid),
      .m_axi_arready(core_arready), .m_axi_rid(core_rid), .m_axi_rdata(core_rdata), .m_axi_rresp(core_rresp),
      .m_axi_rlast(core_rlast), .m_axi_rvalid(core_rvalid), .m_axi_rready(core_rready), .m_axi_awid(core_awid),
      .m_axi_awaddr(core_awaddr), .m_axi_awlen(core_awlen), .m_axi_awsize(core_awsize), .m_axi_awburst(core_awburst),
      .m_axi_awcache(core_awcache), .m_axi_awprot(core_awprot), .m_axi_awvalid(core_awvalid), .m_axi_awready(core_awready),
      .m_axi_wdata(core_wdata), .m_axi_wstrb(core_wstrb), .m_axi_wlast(core_wlast), .m_axi_wvalid(core_wvalid),
      .m_axi_wready(core_wready), .m_axi_bid(core_bid), .m_axi_bresp(core_bresp), .m_axi_bvalid(core_bvalid),
      .m_axi_bready(core_bready)
  );

  // ---- memory side: in its own clock, or wires -----------------------------------------------------------------------------
  if (HbmClock) begin : gen_hbm_clock
    for (genvar p = 0; p < Ports; p++) begin : gen_port
      axi_cdc #(.DataW(BeatW)) u_cdc (
          .clk_i, .rst_ni, .m_clk_i(hbm_clk_i), .m_rst_ni(hbm_rst_ni),
          .s_axi_arid(core_arid[p]), .s_axi_araddr(core_araddr[p]), .s_axi_arlen(core_arlen[p]), .s_axi_arsize(core_arsize[p]),
          .s_axi_arburst(core_arburst[p]), .s_axi_arcache(core_arcache[p]), .s_axi_arprot(core_arprot[p]),
          .s_axi_arvalid(core_arvalid[p]), .s_axi_arready(core_arready[p]), .s_axi_rid(core_rid[p]), .s_axi_rdata(core_rdata[p]),
          .s_axi_rresp(core_rresp[p]), .s_axi_rlast(core_rlast[p]), .s_axi_rvalid(core_rvalid[p]), .s_axi_rready(core_rready[p]),
          .s_axi_awid(core_awid[p]), .s_axi_awaddr(core_awaddr[p]), .s_axi_awlen(core_awlen[p]), .s_axi_awsize(core_awsize[p]),
          .s_axi_awburst(core_awburst[p]), .s_axi_awcache(core_awcache[p]), .s_axi_awprot(core_awprot[p]),
          .s_axi_awvalid(core_awvalid[p]), .s_axi_awready(core_awready[p]), .s_axi_wdata(core_wdata[p]),
          .s_axi_wstrb(core_wstrb[p]), .s_axi_wlast(core_wlast[p]), .s_axi_wvalid(core_wvalid[p]), .s_axi_wready(core_wready[p]),
          .s_axi_bid(core_bid[p]), .s_axi_bresp(core_bresp[p]), .s_axi_bvalid(core_bvalid[p]), .s_axi_bready(core_bready[p]),
          .m_axi_arid(m_axi_arid[p]), .m_axi_araddr(m_axi_araddr[p]), .m_axi_arlen(m_axi_arlen[p]),
          .m_axi_arsize(m_axi_arsize[p]), .m_axi_arburst(m_axi_arburst[p]), .m_axi_arcache(m_axi_arcache[p]),
          .m_axi_arprot(m_axi_arprot[p]), .m_axi_arvalid(m_axi_arvalid[p]), .m_axi_arready(m_axi_arready[p]),
          .m_axi_rid(m_axi_rid[p]), .m_axi_rdata(m_axi_rdata[p]), .m_axi_rresp(m_axi_rresp[p]), .m_axi_rlast(m_axi_rlast[p]),
          .m_axi_rvalid(m_axi_rvalid[p]), .m_axi_rready(m_axi_rready[p]), .m_axi_awid(m_axi_awid[p]),
          .m_axi_awaddr(m_axi_awaddr[p]), .m_axi_awlen(m_axi_awlen[p]), .m_axi_awsize(m_axi_awsize[p]),
          .m_axi_awburst(m_axi_awburst[p]), .m_axi_awcache(m_axi_awcache[p]), .m_axi_awprot(m_axi_awprot[p]),
          .m_axi_awvalid(m_axi_awvalid[p]), .m_axi_awready(m_axi_awready[p]), .m_axi_wdata(m_axi_wdata[p]),
          .m_axi_wstrb(m_axi_wstrb[p]), .m_axi_wlast(m_axi_wlast[p]), .m_axi_wvalid(m_axi_wvalid[p]),
          .m_axi_wready(m_axi_wready[p]), .m_axi_bid(m_axi_bid[p]), .m_axi_bresp(m_axi_bresp[p]), .m_axi_bvalid(m_axi_bvalid[p]),
          .m_axi_bready(m_axi_bready[p])
      );
    end
  end else begin : gen_one_clock
    assign m_axi_arid = core_arid, m_axi_araddr = core_araddr, m_axi_arlen = core_arlen, m_axi_arsize = core_arsize,
           m_axi_arburst = core_arburst, m_axi_arcache = core_arcache, m_axi_arprot = core_arprot, m_axi_arvalid = core_arvalid,
           m_axi_rready = core_rready, m_axi_awid = core_awid, m_axi_awaddr = core_awaddr, m_axi_awlen = core_awlen,
           m_axi_awsize = core_awsize, m_axi_awburst = core_awburst, m_axi_awcache = core_awcache, m_axi_awprot = core_awprot,
           m_axi_awvalid = core_awvalid, m_axi_wdata = core_wdata, m_axi_wstrb = core_wstrb, m_axi_wlast = core_wlast,
           m_axi_wvalid = core_wvalid, m_axi_bready = core_bready;
    assign core_arready = m_axi_arready, core_rid = m_axi_rid, core_rdata = m_axi_rdata, core_rresp = m_axi_rresp,
           core_rlast = m_axi_rlast, core_rvalid = m_axi_rvalid, core_awready = m_axi_awready, core_wready = m_axi_wready,
           core_bid = m_axi_bid, core_bresp = m_axi_bresp, core_bvalid = m_axi_bvalid;
    wire unused_hbm = hbm_clk_i ^ hbm_rst_ni;  // the memory side has clk_i
  end

  wire unused = prompt_last;
endmodule
